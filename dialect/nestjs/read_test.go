package nestjs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
)

// header is one header; a nil value is a header without a value.
type header struct {
	name  string
	value []byte
}

func text(name, value string) header { return header{name, []byte(value)} }

func record(headers ...header) *kgo.Record {
	rec := new(kgo.Record)
	for _, h := range headers {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
	}
	return rec
}

const (
	idHeader        = "kafka_correlationId"
	topicHeader     = "kafka_replyTopic"
	partitionHeader = "kafka_replyPartition"
	errorHeader     = "kafka_nest-err"
	lastHeader      = "kafka_nest-is-disposed"
	timeoutHeader   = "siskin-timeout"
)

// What makes a record a request, by section 6 of the protocol notes.
func TestReadRequest(t *testing.T) {
	t.Parallel()
	id, topic := text(idHeader, "a1b2"), text(topicHeader, "sum.reply")
	request := func(change func(*dialect.Request)) *dialect.Request {
		r := &dialect.Request{CorrelationID: []byte("a1b2"), ReplyTopic: "sum.reply", ReplyPartition: dialect.NoPartition}
		if change != nil {
			change(r)
		}
		return r
	}
	for _, tt := range []struct {
		name    string
		headers []header
		want    *dialect.Request // nil for an event
	}{
		{"as NestJS writes it", []header{id, topic, text(partitionHeader, "0")}, request(func(r *dialect.Request) {
			r.ReplyPartition = 0
		})},
		{"in another order, among others", []header{text("x", "y"), text(partitionHeader, "12"), topic, id}, request(func(r *dialect.Request) {
			r.ReplyPartition = 12
		})},
		{"without a partition", []header{id, topic}, request(nil)},
		{"nothing", nil, nil},
		{"no id", []header{topic, text(partitionHeader, "0")}, nil},
		{"an empty id", []header{text(idHeader, ""), topic}, nil},
		{"an id without a value", []header{{name: idHeader}, topic}, nil},
		{"no reply topic", []header{id, text(partitionHeader, "0")}, nil},
		{"an empty reply topic", []header{id, text(topicHeader, "")}, nil},
		{"a reply topic without a value", []header{id, {name: topicHeader}}, nil},
		{"names are exact", []header{text("Kafka_correlationId", "a"), topic}, nil},
		{"a reply", []header{id, text(lastHeader, "\x00")}, nil},
		{"the last of repeated headers", []header{text(idHeader, "x"), text(topicHeader, "x"), id, topic}, request(nil)},
		{"a last header that is empty", []header{id, topic, text(idHeader, "")}, nil},
		{"sixteen raw bytes as the id", []header{text(idHeader, "\x00\x01\xff\xfe{}[]\"456789ab"), topic}, request(func(r *dialect.Request) {
			r.CorrelationID = []byte("\x00\x01\xff\xfe{}[]\"456789ab")
		})},
		{"an id that is JSON", []header{text(idHeader, `{"a":1}`), topic}, request(func(r *dialect.Request) {
			r.CorrelationID = []byte(`{"a":1}`)
		})},
		{"a timeout", []header{id, topic, text(timeoutHeader, "1500")}, request(func(r *dialect.Request) {
			r.Timeout = 1500 * time.Millisecond
		})},
		{"a timeout of a year", []header{id, topic, text(timeoutHeader, "31536000000")}, request(func(r *dialect.Request) {
			r.Timeout = 24 * time.Hour
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := nestjs.Dialect{}.ReadRequest(record(tt.headers...))
			if ok != (tt.want != nil) {
				t.Fatalf("a request: %v, want %v", ok, !ok)
			}
			if tt.want == nil {
				tt.want = &dialect.Request{}
			}
			if diff := cmp.Diff(*tt.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// A header that makes no sense must not shorten a call.
func TestReadTimeout(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"1": time.Millisecond, "86400000": 24 * time.Hour, "86400001": 24 * time.Hour, "9223372036854775807": 24 * time.Hour,
		"": 0, "0": 0, "-1": 0, "x": 0, "1s": 0, "1.5": 0, " 1": 0, "9223372036854775808": 0, "\x00\x00\x00\x01": 0,
	} {
		req, ok := nestjs.Dialect{}.ReadRequest(record(text(idHeader, "a"), text(topicHeader, "b"), text(timeoutHeader, value)))
		if !ok || req.Timeout != want || req.Problem != "" {
			t.Errorf("the timeout %q is read as %v, problem %q; want %v", value, req.Timeout, req.Problem, want)
		}
	}
}

// The partitions of section 11. NestJS drops the replies to those with a
// problem without a word.
func TestReadPartition(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value   []byte
		want    int32
		problem bool
	}{
		{[]byte("0"), 0, false},
		{[]byte("7"), 7, false},
		{[]byte("99"), 99, false}, // whether it exists is known only to the broker
		{[]byte("2147483647"), 2147483647, false},
		{[]byte("1x"), dialect.NoPartition, true},
		{[]byte("abc"), dialect.NoPartition, true},
		{[]byte(""), dialect.NoPartition, true},
		{nil, dialect.NoPartition, true},
		{[]byte("-1"), dialect.NoPartition, true},
		{[]byte("2147483648"), dialect.NoPartition, true},
		{[]byte("1.0"), dialect.NoPartition, true},
		{[]byte(" 1"), dialect.NoPartition, true},
		{[]byte("0x1"), dialect.NoPartition, true},
		{[]byte("1_0"), dialect.NoPartition, true},
		{[]byte("\x00\x00\x00\x01"), dialect.NoPartition, true}, // Spring's four bytes
		{[]byte(strings.Repeat("9", 10_000)), dialect.NoPartition, true},
	} {
		req, ok := nestjs.Dialect{}.ReadRequest(record(text(idHeader, "a"), text(topicHeader, "b"), header{partitionHeader, tt.value}))
		if !ok || req.ReplyPartition != tt.want || (req.Problem != "") != tt.problem {
			t.Errorf("the partition %.20q is read as %d, problem %q", tt.value, req.ReplyPartition, req.Problem)
		}
		if tt.problem && (!strings.Contains(req.Problem, partitionHeader) || len(req.Problem) > 400) {
			t.Errorf("the problem %q does not name its header, or is too long", req.Problem)
		}
	}
}

// What a client makes of a reply, by sections 7 and 14.
func TestReadReply(t *testing.T) {
	t.Parallel()
	id, last := text(idHeader, "a1b2"), text(lastHeader, "\x00")
	noHandler := "There is no matching message handler defined in the remote service."
	for _, tt := range []struct {
		name    string
		headers []header
		last    bool
		fault   bool
		ignored bool
	}{
		{"a value", []header{id}, false, false, false},
		{"the last value", []header{id, last}, true, false, false},
		{"the mark may be empty", []header{id, text(lastHeader, "")}, true, false, false},
		{"the mark may have no value", []header{id, {name: lastHeader}}, true, false, false},
		{"the mark may say anything", []header{id, text(lastHeader, "false")}, true, false, false},
		{"an error", []header{id, text(errorHeader, `{"status":"error","message":"m"}`), last}, true, true, false},
		{"an error without the mark", []header{id, text(errorHeader, noHandler)}, true, true, false},
		{"an empty error ends the call without one", []header{id, text(errorHeader, "")}, true, false, false},
		{"an error without a value does too", []header{id, {name: errorHeader}}, true, false, false},
		{"no id", []header{last}, true, false, true},
		{"an empty id", []header{text(idHeader, ""), last}, true, false, true},
		{"an id without a value", []header{{name: idHeader}, last}, true, false, true},
		{"in another order", []header{last, text("x", "y"), id}, true, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := nestjs.Dialect{}.ReadReply(record(tt.headers...))
			if ok == tt.ignored || got.Last != tt.last || (got.Fault != nil) != tt.fault {
				t.Errorf("reply %+v, %v; want last %v, fault %v, ignored %v", got, ok, tt.last, tt.fault, tt.ignored)
			}
			if ok && string(got.CorrelationID) != "a1b2" {
				t.Errorf("correlation id %q, want a1b2", got.CorrelationID)
			}
		})
	}
}

func TestReplyTopic(t *testing.T) {
	t.Parallel()
	if got := (nestjs.Dialect{}).ReplyTopic("sum"); got != "sum.reply" {
		t.Errorf("ReplyTopic = %q, want sum.reply", got)
	}
	if got := (nestjs.Dialect{}).Name(); got != "nestjs" {
		t.Errorf("Name = %q, want nestjs", got)
	}
}
