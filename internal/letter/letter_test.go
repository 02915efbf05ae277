package letter_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/internal/letter"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// headers are pairs of names and values.
func headers(pairs ...string) []kgo.RecordHeader {
	var all []kgo.RecordHeader
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, kgo.RecordHeader{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return all
}

var springPlain = []string{
	wire.DeadErrorType, "org.springframework.kafka.listener.ListenerExecutionFailedException",
	wire.DeadErrorCause, "java.lang.IllegalStateException",
	wire.DeadErrorMessage, "Listener failed; no stock",
	wire.DeadErrorStack, "at A\nat B",
	wire.DeadTopic, "orders",
	wire.DeadPartition, "\x00\x00\x00\x02",
	wire.DeadOffset, "\x00\x00\x00\x00\x00\x00\x01\x00",
	wire.DeadTimestamp, "\x00\x00\x01\x9c\x01\x02\x03\x04",
	wire.DeadTimestampType, "CreateTime",
	wire.DeadGroup, "shop",
}

// The headers of Spring and Watermill are as their real ones write them; interop
// reads those. The others are as their documentation has them.
func TestReadEachDialect(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(0x19c01020304).UTC()
	for _, tt := range []struct {
		name    string
		headers []string
		want    letter.Letter
	}{
		{"spring", springPlain, letter.Letter{
			Dialect: "spring", Topic: "orders", Partition: 2, Offset: 256, Timestamp: at, Group: "shop",
			ErrorType: "org.springframework.kafka.listener.ListenerExecutionFailedException",
			CauseType: "java.lang.IllegalStateException", Error: "Listener failed; no stock", Stack: "at A\nat B",
		}},
		{"siskin", append(slices.Clone(springPlain), wire.DeadHandler, "orders#2", wire.DeadAttempts, "12"), letter.Letter{
			Dialect: "spring", Topic: "orders", Partition: 2, Offset: 256, Timestamp: at, Group: "shop",
			ErrorType: "org.springframework.kafka.listener.ListenerExecutionFailedException",
			CauseType: "java.lang.IllegalStateException", Error: "Listener failed; no stock", Stack: "at A\nat B",
			Handler: "orders#2", Attempts: 12,
		}},
		{"siskin, and spring after it", append([]string{
			wire.DeadTopic, "first", wire.DeadHandler, "orders#2", wire.DeadAttempts, "12",
		}, springPlain[8:]...), letter.Letter{
			Dialect: "spring", Topic: "orders", Partition: 2, Offset: 256, Timestamp: at, Group: "shop",
		}},
		{"spring, the last of each counts", append([]string{wire.DeadTopic, "first", wire.DeadOffset, "x"}, springPlain[8:]...), letter.Letter{
			Dialect: "spring", Topic: "orders", Partition: 2, Offset: 256, Timestamp: at, Group: "shop",
		}},
		{"spring-retryable", []string{
			wire.RetryTopic, "orders", wire.RetryPartition, "\x00\x00\x00\x00", wire.RetryOffset, "\x00\x00\x00\x00\x00\x00\x00\x07",
			wire.RetryTimestamp, "\x00\x00\x01\x9c\x01\x02\x03\x04", wire.DeadGroup, "shop", wire.RetryErrorType, "a.B",
			wire.RetryErrorMessage, "no stock", wire.RetryAttempts, "\x00\x00\x00\x02", wire.RetryAttempts, "\x00\x00\x00\x04",
			wire.RetryFirstTimestamp, "\x01\x9c\x01\x02\x03\x04",
		}, letter.Letter{
			Dialect: "spring-retryable", Topic: "orders", Offset: 7, Timestamp: at, Group: "shop", ErrorType: "a.B",
			Error: "no stock", Attempts: 3,
		}},
		{"spring-retryable of old", []string{wire.RetryTopic, "orders", wire.RetryAttempts, "\x03"}, letter.Letter{
			Dialect: "spring-retryable", Topic: "orders", Partition: -1, Offset: -1, Attempts: 2,
		}},
		{"smallrye", []string{
			"dead-letter-reason", "no stock", "dead-letter-cause", "sold out", "dead-letter-topic", "orders",
			"dead-letter-partition", "2", "dead-letter-offset", "10000000000", "dead-letter-exception-class-name", "a.B",
			"dead-letter-cause-class-name", "a.C",
		}, letter.Letter{
			Dialect: "smallrye", Topic: "orders", Partition: 2, Offset: 10_000_000_000, ErrorType: "a.B", CauseType: "a.C",
			Error: "no stock", Cause: "sold out",
		}},
		{"watermill", []string{
			"reason_poisoned", "no stock", "topic_poisoned", "orders", "handler_poisoned", "reserve", "subscriber_poisoned", "s",
		}, letter.Letter{Dialect: "watermill", Topic: "orders", Partition: -1, Offset: -1, Error: "no stock", Handler: "reserve"}},
		{"spring-cloud-stream", []string{
			"x-original-topic", "orders", "x-original-partition", "\x00\x00\x00\x02", "x-original-offset",
			"\x00\x00\x00\x00\x00\x00\x00\x07", "x-original-timestamp", "\x00\x00\x01\x9c\x01\x02\x03\x04",
			"x-exception-message", "no stock", "x-exception-fqcn", "a.B", "x-exception-stacktrace", "at A",
		}, letter.Letter{
			Dialect: "spring-cloud-stream", Topic: "orders", Partition: 2, Offset: 7, Timestamp: at, ErrorType: "a.B",
			Error: "no stock", Stack: "at A",
		}},
		{"wolverine", []string{
			"exception-type", "A.B", "exception-message", "no stock", "exception-stack", "at A", "failed-at", "1700000000000",
			"original-destination", "kafka://topic/orders", "original-partition", "2", "original-offset", "7", "attempts", "3",
		}, letter.Letter{
			Dialect: "wolverine", Topic: "orders", Partition: 2, Offset: 7, ErrorType: "A.B", Error: "no stock", Stack: "at A",
			Attempts: 3,
		}},
		{"nobody's", []string{"attempts", "3", "exception-type", "x"}, letter.Letter{Partition: -1, Offset: -1}},
		{"put back before", []string{wire.Redriven, "2", wire.RedrivenFrom, "orders-dlt/0@7"}, letter.Letter{
			Partition: -1, Offset: -1, Redriven: 2, From: "orders-dlt/0@7",
		}},
		{"of two, the last", append([]string{"topic_poisoned", "elsewhere", "handler_poisoned", "x"}, "dead-letter-topic", "orders"), letter.Letter{
			Dialect: "smallrye", Topic: "orders", Partition: -1, Offset: -1,
		}},
		{"garbage", []string{
			wire.DeadTopic, "a b", wire.DeadPartition, "\xff\xff\xff\xf0", wire.DeadOffset, "\x00", wire.DeadTimestamp, "\x7f\xff\xff\xff\xff\xff\xff\xff",
			wire.DeadGroup, "\xff", wire.Redriven, "-7",
		}, letter.Letter{Dialect: "spring", Partition: -1, Offset: -1, Group: "\uFFFD"}},
		{"more garbage", []string{
			wire.SmallRyeTopic, strings.Repeat("x", 250), wire.SmallRyePartition, "2147483648", wire.SmallRyeOffset,
			"99999999999999999999", wire.Redriven, "99999999999",
		}, letter.Letter{Dialect: "smallrye", Partition: -1, Offset: -1, Redriven: 1_000_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := letter.Read(&kgo.Record{Topic: "orders-dlt", Headers: headers(tt.headers...)})
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(letter.Letter{}, "Record")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What goes back is the record as it was, and what is the user's own stays.
func TestBack(t *testing.T) {
	t.Parallel()
	own := []string{"trace", "t1", "attempts", "mine", "exception-type", "mine", "trace", "t2", "kafka_replyTopic", "orders.reply"}
	all := append(append([]string{wire.Redriven, "1", wire.RedrivenFrom, "x"}, own...), springPlain...)
	all = append(all, wire.RetryOwner, "5", wire.RetryHandlers, "1,3", wire.RetryAttempts, "\x00\x00\x00\x02", wire.WatermillHandler, "h",
		wire.DeadHandler, "orders", wire.DeadAttempts, "3")
	r := &kgo.Record{Topic: "orders-dlt", Partition: 1, Offset: 9, Key: []byte("k"), Value: []byte("v"), Headers: headers(all...), Timestamp: time.Now()}
	back := letter.Read(r).Back("orders")
	want := &kgo.Record{
		Topic: "orders", Partition: 2, Key: []byte("k"), Value: []byte("v"),
		Headers: headers(append(own, wire.RedrivenFrom, "orders-dlt/1@9", wire.Redriven, "2")...),
	}
	if diff := cmp.Diff(want, back, cmpopts.IgnoreUnexported(kgo.RecordAttrs{}), cmpopts.IgnoreUnexported(kgo.Record{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(r.Headers) != len(all)/2 {
		t.Error("the letter was changed")
	}
	wolverine := letter.Read(&kgo.Record{Headers: headers("original-destination", "orders", "attempts", "3", "trace", "t1")}).Back("orders")
	if got := wolverine.Headers[0].Key; len(wolverine.Headers) != 3 || got != "trace" {
		t.Errorf("Wolverine's letter goes back with %v", wolverine.Headers)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]letter.Letter{
		"":           {Partition: 1, Offset: 2},
		"orders":     {Topic: "orders", Partition: -1, Offset: 2},
		"orders/1":   {Topic: "orders", Partition: 1, Offset: -1},
		"orders/1@2": {Topic: "orders", Partition: 1, Offset: 2},
	} {
		if got := l.Origin(); got != want {
			t.Errorf("Origin() = %q, want %q", got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for i := 0; i < len(springPlain); i += 2 {
		f.Add(springPlain[i], []byte(springPlain[i+1]), wire.DeadTopic, []byte("orders"))
	}
	for _, name := range []string{
		wire.RetryAttempts, wire.RetryTopic, wire.SmallRyeOffset, wire.WatermillTopic, wire.CloudTimestamp,
		wire.WolverineAttempts, wire.WolverineDestination, wire.Redriven,
	} {
		f.Add(name, []byte("7"), wire.RetryTopic, []byte{0, 0, 0, 1})
	}
	f.Fuzz(func(t *testing.T, name string, value []byte, name2 string, value2 []byte) {
		r := &kgo.Record{Topic: "orders-dlt", Headers: headers(name2, string(value2), name, string(value))}
		l := letter.Read(r)
		for _, text := range []string{l.Topic, l.Group, l.ErrorType, l.CauseType, l.Error, l.Cause, l.Handler, l.From} {
			if len(text) > 3*8<<10+3 || strings.ToValidUTF8(text, "") != text {
				t.Errorf("a text of %d bytes, %q", len(text), text)
			}
		}
		if l.Topic != "" && wire.CheckTopic(l.Topic) != nil {
			t.Errorf("topic %q", l.Topic)
		}
		if l.Partition < -1 || l.Offset < -1 || l.Attempts < 0 || l.Attempts > 1<<15 || l.Redriven < 0 {
			t.Errorf("numbers of %+v", l)
		}
		if y := l.Timestamp.Year(); !l.Timestamp.IsZero() && (y < 1970 || y > 9999) {
			t.Errorf("timestamp %v", l.Timestamp)
		}
		back := l.Back("orders")
		again := letter.Read(back)
		if again.Redriven != l.Redriven+1 || again.From != l.Name() || again.Dialect != "" {
			t.Errorf("back, it is %+v", again)
		}
	})
}
