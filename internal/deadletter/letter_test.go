package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lines are headers as text, in their order.
func lines(headers []kgo.RecordHeader) []string {
	var out []string
	for _, h := range headers {
		value := "null"
		if h.Value != nil {
			value = fmt.Sprintf("%q", h.Value)
		}
		out = append(out, h.Key+" = "+value)
	}
	return out
}

// The headers and their encodings are those of Spring Kafka's
// DeadLetterPublishingRecoverer, so that its tools can read them.
func TestLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := time.Now().Add(-time.Second)
	letter := b.publish(t, failure(), fmt.Errorf("save: %w", errors.New("no stock")))
	if letter.Topic != "orders-dlt" || letter.Topic != deadletter.Topic("orders") {
		t.Errorf("topic %q, want orders-dlt", letter.Topic)
	}
	if string(letter.Key) != "k" || string(letter.Value) != `{"id":7}` {
		t.Errorf("key %q, value %q; want those of the record", letter.Key, letter.Value)
	}
	if letter.Timestamp.Before(before) {
		t.Errorf("timestamp %v, want now", letter.Timestamp)
	}
	want := []string{
		`trace = "t1"`,
		`null = null`,
		`trace = "t2"`,
		`kafka_dlt-original-topic = "orders"`,
		`kafka_dlt-original-partition = "\x00\x00\x01\x02"`,
		`kafka_dlt-original-offset = "\x00\x00\x00\x00\x00\x01\x02\x03"`,
		`kafka_dlt-original-timestamp = "\x00\x00\x01\x9c\x01\x02\x03\x04"`,
		`kafka_dlt-original-timestamp-type = "CreateTime"`,
		`kafka_dlt-original-consumer-group = "shop"`,
		`kafka_dlt-exception-fqcn = "errors.errorString"`,
		`kafka_dlt-exception-message = "save: no stock"`,
	}
	if diff := cmp.Diff(want, lines(letter.Headers)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// What Siskin adds stands behind what Spring writes. It belongs to the last failure.
func TestLetterNamesTheHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := failure()
	rec.Headers = []kgo.RecordHeader{{Key: wire.DeadHandler, Value: []byte("old")}, {Key: "trace"}, {Key: wire.DeadAttempts, Value: []byte("9")}}
	f := deadletter.Failure{Cause: errors.New("no stock"), Handler: "orders#2", Attempts: 12}
	if err := b.Publish(testContext(t), rec, f, b.failing); err != nil {
		t.Fatal(err)
	}
	letter := lines(b.read(t, 1)[0].Headers)
	want := []string{
		`kafka_dlt-exception-message = "no stock"`, `siskin-dlt-handler = "orders#2"`, `siskin-dlt-attempts = "12"`,
	}
	if diff := cmp.Diff(want, letter[len(letter)-3:]); diff != "" || letter[0] != "trace = null" || len(letter) != 1+8+2 {
		t.Errorf("headers %q, (-want +got):\n%s", letter, diff)
	}
}

func TestLetterOfARecordThatIsUnchanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := failure()
	b.publish(t, rec, errors.New("no stock"))
	if diff := cmp.Diff(lines(failure().Headers), lines(rec.Headers)); diff != "" || rec.Topic != "orders" || rec.Partition != 258 {
		t.Errorf("the record was changed: topic %s, partition %d, headers (-want +got):\n%s", rec.Topic, rec.Partition, diff)
	}
}

func TestLetterKeepsWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, rec := range map[string]*kgo.Record{
		"null key and value":  {Topic: "orders"},
		"empty key and value": {Topic: "orders", Key: []byte{}, Value: []byte{}},
	} {
		b := setup(t)
		letter := b.publish(t, rec, errors.New("no stock"))
		if (letter.Key == nil) != (rec.Key == nil) || (letter.Value == nil) != (rec.Value == nil) {
			t.Errorf("%s: key %v, value %v", name, letter.Key, letter.Value)
		}
	}
}

// A dead letter that is put back and fails again: where it was first is kept in
// front, and the error is the new one only.
func TestLetterOfALetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.publish(t, failure(), errors.New("no stock"))
	first.Topic = "orders"
	if err := b.Publish(testContext(t), first, deadletter.Failure{Cause: fmt.Errorf("%w", &customError{})}, b.failing); err != nil {
		t.Fatal(err)
	}
	var letter *kgo.Record
	for _, l := range b.read(t, 2) {
		if value, _ := wire.Last(l.Headers, wire.DeadErrorMessage); string(value) == "custom" {
			letter = l
		}
	}
	if letter == nil {
		t.Fatal("no dead letter has the new error")
	}
	count := make(map[string]int)
	for _, h := range letter.Headers {
		count[h.Key]++
	}
	want := map[string]int{
		"trace": 2, "null": 1,
		wire.DeadTopic: 2, wire.DeadPartition: 2, wire.DeadOffset: 2, wire.DeadTimestamp: 2, wire.DeadTimestampType: 2,
		wire.DeadGroup: 2, wire.DeadErrorType: 1, wire.DeadErrorMessage: 1,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("how often each header is there (-want +got):\n%s", diff)
	}
	if offset, _ := wire.Last(letter.Headers, wire.DeadOffset); string(offset) != "\x00\x00\x00\x00\x00\x00\x00\x00" {
		t.Errorf("the last original offset is %q, want that of the dead letter, 0", offset)
	}
}

type customError struct{}

func (*customError) Error() string { return "custom" }

// number is an error of an exported type with a cause.
func number() error {
	_, err := strconv.Atoi("x")
	return err
}

// Hidden has a cause that its message does not tell.
type Hidden struct{ cause error }

func (*Hidden) Error() string { return "not now" }

func (h *Hidden) Unwrap() error { return h.cause }

type valueError string

func (e valueError) Error() string { return string(e) }

func TestLetterNamesTheError(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 10_000)
	for _, tt := range []struct {
		name, kind, text string
		cause            error
	}{
		{"plain", "errors.errorString", "x", errors.New("x")},
		{"a pointer", "deadletter_test.customError", "custom", &customError{}},
		{"a value", "deadletter_test.valueError", "v", valueError("v")},
		{"wrapped twice", "deadletter_test.customError", "a: b: custom", fmt.Errorf("a: %w", fmt.Errorf("b: %w", &customError{}))},
		{"joined", "errors.joinError", "x\ny", errors.Join(errors.New("x"), errors.New("y"))},
		{"of an exported type", "strconv.NumError", `strconv.Atoi: parsing "x": invalid syntax`, number()},
		{"under a text", "strconv.NumError", `read: strconv.Atoi: parsing "x": invalid syntax`, fmt.Errorf("read: %w", number())},
		{"with a cause that it does not tell", "deadletter_test.Hidden", "not now; no stock", &Hidden{errors.New("no stock")}},
		{"with two of them", "deadletter_test.Hidden", "not now; no stock", &Hidden{&Hidden{errors.New("no stock")}}},
		{"without text", "errors.errorString", "", errors.New("")},
		{"long", "errors.errorString", "", errors.New(long)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			letter := setup(t).publish(t, failure(), tt.cause)
			kind, _ := wire.Last(letter.Headers, wire.DeadErrorType)
			text, _ := wire.Last(letter.Headers, wire.DeadErrorMessage)
			if string(kind) != tt.kind {
				t.Errorf("type %q, want %q", kind, tt.kind)
			}
			if tt.name == "long" {
				start, cut := strings.CutSuffix(string(text), "…")
				if !cut || len(text) > 8<<10+3 || !utf8.Valid(text) || !strings.HasPrefix(long, start) || len(start) < 8_000 {
					t.Errorf("a message of %d bytes became one of %d that ends in %q", len(long), len(text), text[max(0, len(text)-8):])
				}
				return
			}
			if string(text) != tt.text {
				t.Errorf("message %q, want %q", text, tt.text)
			}
		})
	}
}

func TestLetterNamesTheTypeOfTheTimestamp(t *testing.T) {
	t.Parallel()
	for kind, want := range map[int8]string{0: "CreateTime", 1: "LogAppendTime", -1: "NoTimestampType"} {
		rec := failure()
		rec.Attrs = kgo.NewRecordAttrs(kgo.RecordAttrsOpts{TimestampType: kind})
		letter := setup(t).publish(t, rec, errors.New("x"))
		if got, _ := wire.Last(letter.Headers, wire.DeadTimestampType); string(got) != want {
			t.Errorf("timestamp type %q, want %q", got, want)
		}
	}
}

// Spring's header for the cause is there only where there is one.
func TestLetterNamesTheCause(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, cause string
		err         error
	}{
		{"no cause", "", errors.New("x")},
		{"only a text around it", "", fmt.Errorf("a: %w", &customError{})},
		{"an exported type", "errors.errorString", number()},
		{"two of them", "deadletter_test.Hidden", &Hidden{&Hidden{&customError{}}}},
		{"a text between", "strconv.NumError", &Hidden{fmt.Errorf("read: %w", number())}},
		{"a panic with an error", "deadletter_test.customError", &outcome.Panic{Value: &customError{}}},
		{"a panic with a text", "", &outcome.Panic{Value: "oh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			letter := setup(t).publish(t, failure(), tt.err)
			got, ok := wire.Last(letter.Headers, wire.DeadErrorCause)
			if string(got) != tt.cause || ok != (tt.cause != "") {
				t.Errorf("the cause is %q, there: %v; want %q", got, ok, tt.cause)
			}
		})
	}
}

func TestLetterOfAPanicHasItsStack(t *testing.T) {
	t.Parallel()
	err := outcome.Contain(t.Context(), func(context.Context) error { panic("oh") })
	letter := setup(t).publish(t, failure(), fmt.Errorf("handle: %w", err))
	stack, _ := wire.Last(letter.Headers, wire.DeadErrorStack)
	if !strings.Contains(string(stack), "TestLetterOfAPanicHasItsStack") {
		t.Errorf("the stack is %q", stack)
	}
	deep := &outcome.Panic{Value: "oh", Stack: []byte(strings.Repeat("frame\n", 10_000))}
	letter = setup(t).publish(t, failure(), deep)
	stack, _ = wire.Last(letter.Headers, wire.DeadErrorStack)
	if len(stack) > 16<<10+3 || len(stack) < 16_000 || !strings.HasPrefix(string(deep.Stack), strings.TrimSuffix(string(stack), "…")) {
		t.Errorf("a stack of %d bytes became one of %d", len(deep.Stack), len(stack))
	}
}

// The headers about an earlier error say nothing about the new one, whoever wrote
// them.
func TestLetterReplacesWhatIsKnownOfTheError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := failure()
	for _, name := range []string{
		wire.DeadErrorType, wire.DeadErrorMessage, wire.DeadErrorCause, wire.DeadErrorStack,
		"kafka_dlt-key-exception-fqcn", "kafka_dlt-key-exception-message", "kafka_dlt-key-exception-stacktrace",
	} {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: name, Value: []byte("old")})
	}
	letter := b.publish(t, rec, errors.New("no stock"))
	for _, h := range letter.Headers {
		if string(h.Value) == "old" {
			t.Errorf("the header %s is still there", h.Key)
		}
	}
	if len(rec.Headers) != 10 {
		t.Errorf("the record has %d headers now", len(rec.Headers))
	}
}
