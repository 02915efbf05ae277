package dialecttest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/siskin-go/siskin/dialect"
)

func someRequests() []dialect.Request {
	var out []dialect.Request
	for _, partition := range []int32{dialect.NoPartition, 0, 1, 42, math.MaxInt32} {
		for _, timeout := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, 30 * time.Second, maxTimeout} {
			out = append(out, dialect.Request{
				CorrelationID: fmt.Appendf(nil, "ABC-%d", len(out)), ReplyTopic: "sum.reply", ReplyPartition: partition,
				Timeout: timeout,
			})
		}
	}
	return out
}

func requests(t *testing.T, d dialect.Dialect) {
	for _, want := range someRequests() {
		rec := carrier()
		d.WriteRequest(rec, want)
		wantKept(t, rec, true)
		got, ok := d.ReadRequest(rec)
		wantKept(t, rec, true)
		if !ok {
			t.Fatalf("%+v was written, and is not read as a request", want)
		}
		wantRequest(t, got, want)
	}
	// Rounding must not turn a short time into none, which is for ever, nor a
	// long one into a negative one.
	for _, timeout := range []time.Duration{time.Nanosecond, time.Millisecond - 1, math.MaxInt64} {
		rec := carrier()
		d.WriteRequest(rec, dialect.Request{CorrelationID: []byte("a"), ReplyTopic: "b", Timeout: timeout})
		if got, _ := d.ReadRequest(rec); got.Timeout <= 0 || got.Timeout > maxTimeout {
			t.Errorf("the timeout %v is read as %v", timeout, got.Timeout)
		}
	}
}

func wantRequest(t *testing.T, got, want dialect.Request) {
	t.Helper()
	if string(got.CorrelationID) != string(want.CorrelationID) || got.ReplyTopic != want.ReplyTopic ||
		got.ReplyPartition != want.ReplyPartition || got.Timeout != want.Timeout || got.Problem != "" {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func repeated(t *testing.T, d dialect.Dialect) {
	rec := carrier()
	all := someRequests()
	first, want := all[len(all)-1], all[6]
	d.WriteRequest(rec, first)
	d.WriteRequest(rec, want)
	got, ok := d.ReadRequest(rec)
	if !ok {
		t.Fatal("a record with two sets of headers is no request")
	}
	wantRequest(t, got, want)
}
