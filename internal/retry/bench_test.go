package retry_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What each record of a topic with a retry topic costs more.
func BenchmarkMeet(b *testing.B) {
	for _, bb := range []struct {
		name  string
		waits []*kgo.Record
	}{
		{"nothing waits", nil},
		{"another key waits", []*kgo.Record{record(1, "b")}},
		{"its key waits", []*kgo.Record{record(1, "a")}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			q := queue(true)
			for _, rec := range bb.waits {
				q.Reserve(rec)
			}
			rec := record(2, "a")
			b.ReportAllocs()
			for b.Loop() {
				q.Meet(rec)
				q.Passed(2)
			}
		})
	}
}

// A record fails, is stored and read, runs again and succeeds, among others that wait.
func BenchmarkLife(b *testing.B) {
	const others = 5_000
	q := bench{marks: commit.NewPartition()}
	q.Queue = retry.NewQueue(retry.Config{
		Group: "g", Topic: "t", KeepOrder: true, Token: "own", Marks: q.marks, Records: 2 * others, Bytes: 1 << 30,
	})
	q.Begin(0, 0, retry.ParsePosition(0, 0, ""))
	q.read(retry.Copy{Token: "own", Offset: 0})
	now := time.UnixMilli(5_000)
	later := retry.Note{Group: "g", Attempt: 2, Due: now.Add(time.Hour), Owner: 0}
	for i := range int64(others) {
		rec := record(i, string(rune('a'+i%1_000)))
		q.Reserve(rec)
		q.put(rec, later, i+1)
	}
	rec := record(others, "the one")
	n := retry.Note{Group: "g", Attempt: 2, Due: now, Owner: 0}
	c := copyOf(n, rec, others)
	b.ReportAllocs()
	for b.Loop() {
		c.Offset++
		q.Reserve(rec)
		q.Stored(rec, n, c.Offset)
		q.read(c)
		run, _ := q.Next(now)
		q.Finish(run[0].Record)
	}
}

func BenchmarkRecord(b *testing.B) {
	rec := original()
	n := retry.Note{Group: "billing", Attempt: 2, Due: moment, Owner: 7, Cause: errFailed}
	b.ReportAllocs()
	for b.Loop() {
		n.Record("orders-retry", rec)
	}
}

func BenchmarkRead(b *testing.B) {
	rec := stored(retry.Note{Group: "billing", Attempt: 2, Due: moment, Owner: 7, Cause: errFailed}.Record("orders-retry", original()))
	b.ReportAllocs()
	for b.Loop() {
		retry.Read(rec, moment)
	}
}
