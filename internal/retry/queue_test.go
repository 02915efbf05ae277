package retry_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

func record(offset int64, key string) *kgo.Record {
	return &kgo.Record{Topic: "t", Offset: offset, Timestamp: time.UnixMilli(1_000 + offset), Key: []byte(key)}
}

func queue(ordered bool) *retry.Queue {
	q := retry.NewQueue(retry.Config{Group: "g", Topic: "t", KeepOrder: ordered, Token: "own", Records: 10, Bytes: 1_000})
	q.Begin(0, 0, retry.ParsePosition(0, 0, ""))
	if ordered {
		q.Read(retry.Copy{Token: "own", Offset: 0}, 0)
	}
	return q
}

// A whole life: it fails, waits, fails again, waits, and succeeds.
func TestLife(t *testing.T) {
	t.Parallel()
	q := queue(true)
	a, behind, other := record(1, "a"), record(2, "a"), record(3, "b")
	if q.Meet(a) != retry.Run || !q.Reserve(a) {
		t.Fatal("the first one does not run")
	}
	if q.Meet(behind) != retry.Park || q.Meet(other) != retry.Run {
		t.Fatal("what is behind runs, or a stranger does not")
	}
	now := time.UnixMilli(5_000)
	n := retry.Note{Group: "g", Attempt: 2, Due: now.Add(time.Second), Owner: 0}
	same(t, q.Stored(a, n, 1))
	same(t, q.Read(copyOf(n, a, 1), 1))
	q.Reserve(behind)
	parked := retry.Note{Group: "g", Attempt: 1, Owner: 0}
	same(t, q.Read(copyOf(parked, behind, 2), 2)) // before it is known to be stored
	same(t, q.Stored(behind, parked, 2))
	if run, wake := q.Next(now); len(run) != 0 || !wake.Equal(n.Due) {
		t.Fatalf("Next = %v, %v", run, wake)
	}
	run, wake := q.Next(n.Due)
	if len(run) != 1 || run[0].Record.Offset != 1 || run[0].Attempt != 2 || !wake.IsZero() {
		t.Fatalf("Next = %v, %v", run, wake)
	}
	n.Attempt = 3
	same(t, q.Stored(run[0].Record, n, 3), 1)
	same(t, q.Read(copyOf(n, a, 3), 3))
	run, _ = q.Next(n.Due)
	if len(run) != 1 || run[0].Attempt != 3 {
		t.Fatalf("Next = %v", run)
	}
	same(t, q.Finish(a), 3)
	run, _ = q.Next(n.Due)
	if len(run) != 1 || run[0].Record.Offset != 2 {
		t.Fatalf("Next = %v", run)
	}
	same(t, q.Finish(behind), 2)
	if records, bytes := q.Len(); records != 0 || bytes != 0 {
		t.Errorf("%d records, %d bytes are left", records, bytes)
	}
}

func copyOf(n retry.Note, rec *kgo.Record, offset int64) retry.Copy {
	out := n.Record("t-retry", rec)
	out.Offset = offset
	return retry.Read(out, time.UnixMilli(5_000))
}

func same(t *testing.T, got []commit.Mark, want ...commit.Mark) {
	t.Helper()
	if len(got) != len(want) || len(want) == 1 && got[0] != want[0] {
		t.Errorf("done are %v, want %v", got, want)
	}
}
