package retry_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// stored is a copy as it comes from the broker.
func stored(rec *kgo.Record) *kgo.Record {
	got := *rec
	got.Offset, got.Timestamp = 40, time.UnixMilli(1_764_073_000_500)
	return &got
}

func TestReadWhatWasWritten(t *testing.T) {
	t.Parallel()
	rec := original()
	n := retry.Note{Group: "g", Attempt: 3, Due: moment.Add(time.Minute), Handlers: []int{1, 3}, Owner: 7}
	got := retry.Read(stored(n.Record("orders-retry", rec)), moment)
	want := retry.Copy{Note: n, Record: rec, Offset: 40}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(kgo.Record{}), cmp.Comparer(sameAttrs)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	// A second copy has one block.
	again := retry.Note{Group: "g", Attempt: 4, Owner: 7}.Record("orders-retry", got.Record)
	if len(again.Headers) != len(rec.Headers)+10 {
		t.Errorf("the second copy has the headers %v", again.Headers)
	}
}

func sameAttrs(a, b kgo.RecordAttrs) bool { return a.TimestampType() == b.TimestampType() }

func TestReadMarker(t *testing.T) {
	t.Parallel()
	got := retry.Read(stored(retry.Marker("r", 0, "token")), moment)
	if got.Token != "token" || got.Record != nil || got.Offset != 40 || got.Owner != retry.NoOwner {
		t.Errorf("the marker is %+v", got)
	}
	// With a value it is a record whose author uses the name.
	odd := retry.Marker("r", 0, "token")
	odd.Value = []byte("v")
	if got := retry.Read(stored(odd), moment); got.Record == nil || got.Token != "" {
		t.Errorf("the record is %+v", got)
	}
}

func TestReadForeign(t *testing.T) {
	t.Parallel()
	headers := func(pairs ...string) (all []kgo.RecordHeader) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, kgo.RecordHeader{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return all
	}
	const now = "\x01\x9a\xba\xf1\xccA" // moment
	for _, tt := range []struct {
		name    string
		headers []kgo.RecordHeader
		attempt int
		due     int64 // 0 is at once
		owner   int64
		foreign bool
		origin  string
		left    []string
	}{
		{name: "nothing", attempt: 1, owner: -1, foreign: true, origin: "r"},
		{
			name: "of Spring", headers: headers(
				"trace", "1", wire.RetryTopic, "orders", wire.RetryPartition, "\x00\x00\x00\x03", wire.RetryOffset, "\x00\x00\x00\x00\x00\x00\x01\x02",
				wire.DeadGroup, "g", wire.RetryErrorStack, "at", wire.RetryAttempts, "\x00\x00\x00\x02", wire.RetryBackoff, now,
				wire.RetryAttempts, "\x00\x00\x00\x03",
			),
			attempt: 3, due: moment.UnixMilli(), owner: -1, foreign: true, origin: "orders", left: []string{"trace"},
		},
		{name: "one byte", headers: headers(wire.RetryAttempts, "\xff"), attempt: 255, owner: -1, foreign: true, origin: "r"},
		{name: "no attempt", headers: headers(wire.RetryAttempts, "\x00\x00\x00\x00"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "attempt below 0", headers: headers(wire.RetryAttempts, "\xff\xff\xff\xff"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "the last attempt", headers: headers(wire.RetryAttempts, "\x00\x00\x7f\xff"), attempt: math.MaxInt16, owner: -1, foreign: true, origin: "r"},
		{name: "too many attempts", headers: headers(wire.RetryAttempts, "\x00\x00\x80\x00"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "three bytes of attempts", headers: headers(wire.RetryAttempts, "\x00\x00\x02"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "eight bytes of due time", headers: headers(wire.RetryBackoff, "\x00\x00"+now), attempt: 1, due: moment.UnixMilli(), owner: -1, foreign: true, origin: "r"},
		{name: "nine bytes of due time", headers: headers(wire.RetryBackoff, "\x00\x00\x00"+now), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "due before 1970", headers: headers(wire.RetryBackoff, "\xff"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{name: "due in a year", headers: headers(wire.RetryBackoff, "\x01\xa2\xba\xf1\xccA"), attempt: 1, owner: -1, foreign: true, origin: "r"},
		{
			name: "a place without an offset", headers: headers(wire.RetryTopic, "orders", wire.RetryPartition, "\x00\x00\x00\x03"),
			attempt: 1, owner: -1, foreign: true, origin: "r",
		},
		{
			name: "a place below 0", headers: headers(wire.RetryTopic, "orders", wire.RetryPartition, "\xff\xff\xff\xff", wire.RetryOffset, "\x00\x00\x00\x00\x00\x00\x01\x02"),
			attempt: 1, owner: -1, foreign: true, origin: "r",
		},
		{name: "no owner", headers: headers(wire.RetryOwner, "-"), attempt: 1, owner: -1, origin: "r"},
		{name: "an owner below 0", headers: headers(wire.RetryOwner, "-2"), attempt: 1, owner: -1, origin: "r"},
		{name: "an owner of letters", headers: headers(wire.RetryOwner, "x"), attempt: 1, owner: -1, origin: "r"},
		{
			name:    "names of the block ahead of it, and others in it",
			headers: headers(wire.RetryAttempts, "\x00\x00\x00\x09", wire.RetryOwner, "1", wire.RetryOwner, "5", "seen", "1", wire.RetryAttempts, "\x02"),
			attempt: 2, owner: 5, origin: "r", left: []string{wire.RetryAttempts, wire.RetryOwner, "seen"},
		},
	} {
		got := retry.Read(&kgo.Record{Topic: "r", Offset: 40, Timestamp: moment, Headers: tt.headers}, moment)
		due := int64(0)
		if !got.Due.IsZero() {
			due = got.Due.UnixMilli()
		}
		if got.Attempt != tt.attempt || due != tt.due || got.Owner != tt.owner || got.Foreign != tt.foreign || got.Record.Topic != tt.origin {
			t.Errorf("%s: %+v", tt.name, got)
		}
		var left []string
		for _, h := range got.Record.Headers {
			left = append(left, h.Key)
		}
		if diff := cmp.Diff(tt.left, left); diff != "" {
			t.Errorf("%s: headers of the record (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestReadHandlers(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]int{
		"": nil, "1": {1}, "1,3": {1, 3}, "0": {0}, "1,": nil, "x": nil, "-1": nil, "1,99999999999": nil,
	} {
		rec := &kgo.Record{Headers: []kgo.RecordHeader{{Key: wire.RetryHandlers, Value: []byte(value)}}}
		if diff := cmp.Diff(want, retry.Read(rec, moment).Handlers); diff != "" {
			t.Errorf("handlers %q (-want +got):\n%s", value, diff)
		}
	}
}

// Whatever the headers say, what comes is a record or a marker, in its bounds.
func FuzzRead(f *testing.F) {
	f.Add(wire.RetryOwner, []byte("5"), wire.RetryAttempts, []byte{2}, []byte("k"))
	f.Add(wire.RetryOffset, []byte{0xff, 0, 0, 0, 0, 0, 0, 0}, wire.RetryBackoff, []byte{0x80}, []byte(nil))
	f.Add(wire.RetryHandlers, []byte("1,,"), wire.RetryPartition, []byte{1, 2, 3, 4}, []byte(nil))
	f.Add(wire.RetryMarker, []byte(nil), wire.RetryTimestamp, []byte("12345678"), []byte{})
	f.Fuzz(func(t *testing.T, name string, value []byte, other string, second, key []byte) {
		rec := &kgo.Record{Topic: "r", Offset: 40, Timestamp: moment, Key: key, Headers: []kgo.RecordHeader{
			{Key: name, Value: value}, {Key: wire.RetryTopic, Value: []byte("t")}, {Key: other, Value: second},
		}}
		c := retry.Read(rec, moment)
		if c.Offset != 40 {
			t.Fatalf("the copy is at %d", c.Offset)
		}
		if c.Record == nil {
			if key != nil || name != wire.RetryMarker && other != wire.RetryMarker {
				t.Fatal("a record was taken for a marker")
			}
			return
		}
		switch {
		case c.Attempt < 1 || c.Attempt > math.MaxInt16, c.Owner < retry.NoOwner, c.Due.After(moment.Add(25 * time.Hour)),
			c.Record.Offset < 0, c.Record.Partition < 0, c.Record.Topic == "", !bytes.Equal(c.Record.Key, key):
			t.Fatalf("read %+v", c)
		}
		for _, h := range c.Handlers {
			if h < 0 {
				t.Fatalf("handler %d", h)
			}
		}
		// What is written of it is read alike.
		again := retry.Read(c.Note.Record("r", c.Record), moment)
		if again.Attempt != c.Attempt || !again.Due.Equal(c.Due) || again.Owner != c.Owner ||
			again.Record.Offset != c.Record.Offset || !again.Record.Timestamp.Equal(c.Record.Timestamp) ||
			len(again.Record.Headers) != len(c.Record.Headers) {
			t.Fatalf("read %+v and then %+v", c, again)
		}
	})
}
