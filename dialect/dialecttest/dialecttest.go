// Package dialecttest is the conformance suite that every dialect must pass. It
// knows no header names: it holds what the rest of Siskin relies on.
package dialecttest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Run tests d as subtests of t.
func Run(t *testing.T, d dialect.Dialect) {
	t.Helper()
	for _, check := range []struct {
		name string
		run  func(*testing.T, dialect.Dialect)
	}{
		{"name", name},
		{"reply topic", replyTopic},
		{"requests are read as they were written", requests},
		{"values are read as they were written", values},
		{"faults are read as they were written", faults},
		{"a missing handler", missingHandler},
		{"correlation ids are echoed byte for byte", echo},
		{"plain records are neither requests nor replies", plain},
		{"the last of repeated headers counts", repeated},
		{"broken headers", broken},
		{"concurrent use", concurrent},
	} {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			check.run(t, d)
		})
	}
}

// maxTimeout bounds what a reader may believe of a peer's timeout, so that
// arithmetic on it cannot overflow.
const maxTimeout = 24 * time.Hour

func name(t *testing.T, d dialect.Dialect) {
	n := d.Name()
	if n == "" || strings.ToLower(n) != n || strings.ContainsAny(n, " \t\n\",=") {
		t.Errorf("Name = %q, want a short lower-case word for settings and logs", n)
	}
}

func replyTopic(t *testing.T, d dialect.Dialect) {
	seen := make(map[string]string)
	for _, pattern := range []string{"sum", "max", "orders.created", "A_b-9"} {
		topic := d.ReplyTopic(pattern)
		if err := wire.CheckTopic(topic); err != nil {
			t.Errorf("ReplyTopic(%q): %v", pattern, err)
		}
		if topic == pattern {
			t.Errorf("ReplyTopic(%q) is the pattern itself: replies would be taken for requests", pattern)
		}
		if other, ok := seen[topic]; ok {
			t.Errorf("ReplyTopic(%q) and ReplyTopic(%q) are both %q", pattern, other, topic)
		}
		seen[topic] = pattern
		if again := d.ReplyTopic(pattern); again != topic {
			t.Errorf("ReplyTopic(%q) is %q, then %q", pattern, topic, again)
		}
	}
}

// carrier is a record with all that a dialect must leave alone.
func carrier() *kgo.Record {
	return &kgo.Record{
		Topic: "sum", Partition: 3, Key: []byte("key"), Value: []byte("value"), Timestamp: time.UnixMilli(1_000),
		Headers: []kgo.RecordHeader{{Key: "user", Value: []byte("1")}, {Key: "user", Value: []byte("2")}, {Key: "null"}},
	}
}

// wantKept checks that rec is still a carrier, with headers behind its own.
func wantKept(t *testing.T, rec *kgo.Record, wantValue bool) {
	t.Helper()
	c := carrier()
	if rec.Topic != c.Topic || rec.Partition != c.Partition || string(rec.Key) != string(c.Key) || !rec.Timestamp.Equal(c.Timestamp) {
		t.Errorf("the record was changed to %+v", rec)
	}
	if wantValue && string(rec.Value) != string(c.Value) {
		t.Errorf("the value was changed to %q", rec.Value)
	}
	if len(rec.Headers) <= len(c.Headers) {
		t.Fatalf("no headers were appended: %v", rec.Headers)
	}
	for i, h := range c.Headers {
		if rec.Headers[i].Key != h.Key || !bytes.Equal(rec.Headers[i].Value, h.Value) {
			t.Errorf("the header %v was changed to %v", h, rec.Headers[i])
		}
	}
}

func plain(t *testing.T, d dialect.Dialect) {
	for _, rec := range []*kgo.Record{{}, {Value: []byte("x")}, carrier(), {Headers: []kgo.RecordHeader{{}}}} {
		if req, ok := d.ReadRequest(rec); ok {
			t.Errorf("%+v is read as the request %+v", rec, req)
		}
		if reply, ok := d.ReadReply(rec); ok {
			t.Errorf("%+v is read as the reply %+v", rec, reply)
		}
	}
}

// broken gives each header that the dialect uses values that no peer should
// send. Nothing may panic, and what is read must stay within bounds.
func broken(t *testing.T, d dialect.Dialect) {
	request, reply := new(kgo.Record), new(kgo.Record)
	d.WriteRequest(request, someRequests()[8])
	d.WriteReply(reply, dialect.Reply{CorrelationID: []byte("a"), Fault: &dialect.Fault{Code: "denied", Message: "no"}})
	garbage := []string{
		"", "\x00", "\xff\xff\xff\xff", "-1", "-2147483648", "2147483648", "99999999999999999999", "1x", "1.5", "NaN", " 1",
		"{", "[", "{}", "[]", "null", "true", `{"message":1}`, `{"status":"error","message":null,"code":7}`,
		strings.Repeat("9", 10_000), strings.Repeat("[", 20_000),
	}
	for _, original := range []*kgo.Record{request, reply} {
		for i, h := range original.Headers {
			for n := range len(garbage) + 2 {
				headers := slices.Clone(original.Headers)
				switch {
				case n < len(garbage):
					headers[i].Value = []byte(garbage[n])
				case n == len(garbage):
					headers[i].Value = nil
				default:
					headers = slices.Delete(headers, i, i+1)
				}
				rec := &kgo.Record{Headers: headers}
				if req, ok := d.ReadRequest(rec); ok && !saneRequest(req) {
					t.Errorf("with the header %s broken, the headers %q are the request %+v", h.Key, headers, req)
				}
				if r, ok := d.ReadReply(rec); ok && !saneReply(r) {
					t.Errorf("with the header %s broken, the headers %q are the reply %+v, fault %+v", h.Key, headers, r, r.Fault)
				}
			}
		}
	}
}

func saneRequest(r dialect.Request) bool {
	return len(r.CorrelationID) > 0 && r.ReplyTopic != "" && r.ReplyPartition >= dialect.NoPartition &&
		r.Timeout >= 0 && r.Timeout <= maxTimeout && len(r.Problem) < 1_000
}

func saneReply(r dialect.Reply) bool {
	return len(r.CorrelationID) > 0 && (r.Fault == nil || r.Last && slices.Contains(dialect.Codes, r.Fault.Code))
}

func concurrent(t *testing.T, d dialect.Dialect) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			requests(t, d)
			values(t, d)
			faults(t, d)
		})
	}
	wg.Wait()
}
