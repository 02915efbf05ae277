package retry_test

import (
	"bytes"
	"math"
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

// put lets a copy be stored and read.
func (b bench) put(rec *kgo.Record, n retry.Note, offset int64) {
	b.Stored(rec, n, offset)
	b.read(copyOf(n, rec, offset))
}

// opened is queue for a source from start to end, whose marker is not read yet.
func opened(ordered bool, start, end int64) bench {
	b := bench{marks: commit.NewPartition()}
	b.Queue = retry.NewQueue(retry.Config{
		Group: "g", Topic: "t", KeepOrder: ordered, Token: "own", Marks: b.marks, Records: 10, Bytes: 1_000,
	})
	b.Begin(start, end, retry.ParsePosition(0, 9, ""))
	return b
}

func TestOfEqualCopiesTheLastCounts(t *testing.T) {
	t.Parallel()
	q := queue(true)
	rec := record(1, "a")
	q.Reserve(rec)
	n := retry.Note{Group: "g", Attempt: 2, Due: time.UnixMilli(9_000)}
	q.put(rec, n, 1)
	q.isAt(t, 1)
	if e, ok := q.Oldest(); !ok || e.Mark != 1 || e.Attempt != 2 || !e.Due.Equal(n.Due) {
		t.Fatalf("the oldest is %v", e)
	}
	if _, ok := q.Oldest(); ok {
		t.Fatal("it is written twice at once")
	}
	q.put(rec, n, 2)
	q.isAt(t, 2)
	e, ok := q.Oldest()
	if !ok || e.Mark != 2 {
		t.Fatalf("the oldest is %v", e)
	}
	q.Return(rec)
	if run, _ := q.Next(n.Due); len(run) != 1 || run[0].Mark != 2 {
		t.Fatalf("Next = %v", run)
	}
	q.Finish(rec)
	q.isAt(t, 3)
}

// A copy with a lower attempt counts for nothing, wherever it is; before the own marker
// anybody can have written it.
func TestAttemptsDoNotGoBack(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{true, false} {
		q := opened(ordered, 5, 9)
		rec := record(1, "a")
		q.read(copyOf(retry.Note{Group: "g", Attempt: 3, Handlers: []int{2}}, rec, 0))
		q.read(copyOf(retry.Note{Group: "g", Attempt: 2}, rec, 1))
		q.isAt(t, 0, 0b10)
		q.read(retry.Copy{Token: "own", Offset: 2})
		run, _ := q.Next(time.UnixMilli(5_000))
		if len(run) != 1 || run[0].Attempt != 3 || run[0].Mark != 0 || len(run[0].Handlers) != 1 {
			t.Errorf("Next = %v", run)
		}
	}
}

// A topic that was made anew has offsets that are lower than those of what waits.
func TestOneOfAKeyRunsAtATime(t *testing.T) {
	t.Parallel()
	q := opened(true, 0, 5)
	former, next := record(9, "a"), record(1, "a")
	q.read(copyOf(retry.Note{Group: "g", Attempt: 2, Owner: retry.NoOwner}, former, 0))
	q.read(retry.Copy{Token: "own", Offset: 1})
	if run, _ := q.Next(moment); len(run) != 1 {
		t.Fatalf("Next = %v", run)
	}
	if q.Meet(next) != retry.Park || q.Reserve(next) != retry.Park {
		t.Fatal("it runs beside the former one")
	}
	q.put(next, retry.Note{Group: "g", Attempt: 1, Owner: 1}, 2)
	if run, _ := q.Next(moment); len(run) != 0 {
		t.Fatalf("Next = %v, beside the former one", run)
	}
	q.Finish(former)
	q.isAt(t, 2)
	if run, _ := q.Next(moment); len(run) != 1 {
		t.Fatalf("Next = %v", run)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	q := queue(true)
	for i, key := range [][]byte{nil, nil, {}, []byte("a")} {
		rec := record(int64(i), "")
		rec.Key = key
		if q.Meet(rec) != retry.Run || q.Reserve(rec) != retry.Park {
			t.Errorf("the first record of key %q does not run", key)
		}
	}
	none, empty := record(8, ""), record(9, "")
	none.Key = nil
	if q.Meet(none) != retry.Run || q.Meet(empty) != retry.Park {
		t.Error("what has no key waits, or what has an empty one does not")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	q := queue(true)
	big := record(0, "a")
	big.Value = make([]byte, 1_000)
	if q.Reserve(big) != retry.Run {
		t.Error("a record with more bytes than may wait was taken")
	}
	for i := range int64(10) {
		if q.Reserve(record(i, "a")) != retry.Park {
			t.Fatalf("record %d was refused", i)
		}
	}
	if q.Reserve(record(10, "a")) != retry.Run {
		t.Error("there is room for an eleventh")
	}
	q.Cancel(record(3, "a"))
	if q.Reserve(record(10, "a")) != retry.Park {
		t.Error("there is no room after a Cancel")
	}
	// What is read is always taken: a tool has written it.
	foreign := retry.Read(&kgo.Record{Topic: "t-retry", Offset: 1, Key: []byte("x")}, moment)
	q.read(foreign)
	q.isAt(t, 1)
	if records, _ := q.Len(); records != 11 {
		t.Errorf("%d records wait, want 11", records)
	}
	if run, _ := q.Next(moment); len(run) != 1 || string(run[0].Record.Key) != "x" {
		t.Errorf("Next = %v", run)
	}
}

func TestAnotherGroupsCopyIsPassedOver(t *testing.T) {
	t.Parallel()
	q := queue(false)
	q.read(copyOf(retry.Note{Group: "other", Attempt: 2}, record(1, "a"), 4))
	q.isAt(t, 5)
	q.read(copyOf(retry.Note{Attempt: 2}, record(1, "a"), 5)) // it names none
	q.isAt(t, 5)
}

func TestPositionOfACommit(t *testing.T) {
	t.Parallel()
	q := opened(true, 0, 0)
	q.read(retry.Copy{Token: "own", Offset: 39})
	first, _ := q.marks.Begin([]*kgo.Record{{Offset: 40}, {Offset: 41}, {Offset: 43}}, moment)
	q.marks.Done(first + 1)
	q.marks.Done(first + 2)
	offset, _, metadata := q.Position()
	if offset != 40 || metadata != "siskin-retry/1 39 40 Cg" {
		t.Errorf("the position is %d, %q", offset, metadata)
	}
	for _, tt := range []struct {
		offset, end int64
		metadata    string
		owner       int64
		done        []int64
	}{
		{40, 44, metadata, 39, []int64{41, 43}},
		{41, 44, metadata, -1, nil},       // of another offset
		{40, 43, metadata, -1, nil},       // of another log
		{40, 44, metadata + "!", -1, nil}, // not base64
		{40, 44, "siskin-retry/2 0 40 Cg", -1, nil},
		{40, 44, "siskin-retry/1 -2 40 Cg", -1, nil},
		{40, 44, "siskin-retry/1 44 40 ", -1, nil}, // whose marker is not there
		{40, 44, "", -1, nil},
		{0, 0, "NO_METADATA", -1, nil},
	} {
		p := retry.ParsePosition(tt.offset, tt.end, tt.metadata)
		var done []int64
		for o := int64(30); o < 60; o++ {
			if p.Done(o) {
				done = append(done, o)
			}
		}
		if p.Owner != tt.owner || len(done) != len(tt.done) {
			t.Errorf("%q at %d of %d: owner %d, done %v", tt.metadata, tt.offset, tt.end, p.Owner, done)
		}
	}
}

// The metadata must fit into what brokers take by default.
func TestPositionFits(t *testing.T) {
	t.Parallel()
	q := queue(false)
	q.marks.Start(math.MaxInt64/2, false)
	records := make([]*kgo.Record, 2*retry.MostSpan)
	for i := range records {
		records[i] = &kgo.Record{Offset: math.MaxInt64/2 + int64(i)}
	}
	first, _ := q.marks.Begin(records, moment)
	for i := range records[1:] {
		q.marks.Done(first + commit.Mark(i) + 1)
	}
	offset, _, metadata := q.Position()
	if len(metadata) > 4_096 {
		t.Errorf("the metadata have %d bytes", len(metadata))
	}
	p := retry.ParsePosition(offset, math.MaxInt64, metadata)
	if p.Done(offset) || !p.Done(offset+1) || !p.Done(offset+retry.MostSpan-1) || p.Done(offset+retry.MostSpan) {
		t.Error("the metadata tell something else")
	}
}
