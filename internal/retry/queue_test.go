package retry_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

func record(offset int64, key string) *kgo.Record {
	return &kgo.Record{Topic: "t", Offset: offset, Timestamp: time.UnixMilli(1_000 + offset), Key: []byte(key)}
}

// bench is a queue with the watermark of its retry partition.
type bench struct {
	*retry.Queue
	marks *commit.Partition
}

func queue(ordered bool) bench {
	b := bench{marks: commit.NewPartition()}
	b.Queue = retry.NewQueue(retry.Config{
		Group: "g", Topic: "t", KeepOrder: ordered, Token: "own", Marks: b.marks, Records: 10, Bytes: 1_000,
	})
	b.Begin(0, 0, retry.ParsePosition(0, 0, ""))
	if ordered {
		b.read(retry.Copy{Token: "own", Offset: 0})
	}
	return b
}

func (b bench) read(c retry.Copy) {
	mark, _ := b.marks.Begin([]*kgo.Record{{Offset: c.Offset}}, time.UnixMilli(5_000))
	b.Read(c, mark)
}

// isAt checks what is done: all before offset, and these behind it.
func (b bench) isAt(t *testing.T, offset int64, behind ...byte) {
	t.Helper()
	if at, _, done := b.marks.Snapshot(8); at != offset || !bytes.Equal(done, behind) {
		t.Errorf("all before %d is done, and %b behind it, want %d, %b", at, done, offset, behind)
	}
}

// A whole life: it fails, waits, fails again, waits, and succeeds.
func TestLife(t *testing.T) {
	t.Parallel()
	q := queue(true)
	a, behind, other := record(1, "a"), record(2, "a"), record(3, "b")
	if q.Meet(a) != retry.Run || q.Reserve(a) != retry.Park {
		t.Fatal("the first one does not run")
	}
	if q.Meet(behind) != retry.Park || q.Meet(other) != retry.Run {
		t.Fatal("what is behind runs, or a stranger does not")
	}
	now := time.UnixMilli(5_000)
	n := retry.Note{Group: "g", Attempt: 2, Due: now.Add(time.Second), Owner: 0}
	q.Stored(a, n, 1)
	q.read(copyOf(n, a, 1))
	q.isAt(t, 1)
	q.Reserve(behind)
	parked := retry.Note{Group: "g", Attempt: 1, Owner: 0}
	q.read(copyOf(parked, behind, 2)) // before it is known to be stored
	q.Stored(behind, parked, 2)
	q.isAt(t, 1)
	if run, wake := q.Next(now); len(run) != 0 || !wake.Equal(n.Due) {
		t.Fatalf("Next = %v, %v", run, wake)
	}
	run, wake := q.Next(n.Due)
	if len(run) != 1 || run[0].Record.Offset != 1 || run[0].Attempt != 2 || !wake.IsZero() {
		t.Fatalf("Next = %v, %v", run, wake)
	}
	n.Attempt = 3
	q.Stored(run[0].Record, n, 3)
	q.isAt(t, 2)
	q.read(copyOf(n, a, 3))
	run, _ = q.Next(n.Due)
	if len(run) != 1 || run[0].Attempt != 3 {
		t.Fatalf("Next = %v", run)
	}
	q.Finish(a)
	q.isAt(t, 2, 0b10)
	run, _ = q.Next(n.Due)
	if len(run) != 1 || run[0].Record.Offset != 2 {
		t.Fatalf("Next = %v", run)
	}
	q.Finish(behind)
	q.isAt(t, 4)
	if records, size := q.Len(); records != 0 || size != 0 {
		t.Errorf("%d records, %d bytes are left", records, size)
	}
}

func copyOf(n retry.Note, rec *kgo.Record, offset int64) retry.Copy {
	out := n.Record("t-retry", rec)
	out.Offset = offset
	return retry.Read(out, time.UnixMilli(5_000))
}
