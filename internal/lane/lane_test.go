package lane_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// batchOf is n records with rising offsets.
func batchOf(first int64, n int) []*kgo.Record {
	out := make([]*kgo.Record, n)
	for i := range out {
		out[i] = &kgo.Record{Offset: first + int64(i)}
	}
	return out
}

// never is for lanes that must not call it.
func never(t *testing.T) func() {
	return func() { t.Error("drained was called, but the queue was never over its limit") }
}

func TestRecordsAreServedInOrderAndOneAtATime(t *testing.T) {
	t.Parallel()
	const records = 1_000
	var served []int64
	var busy atomic.Bool
	all := make(chan struct{})
	l := lane.Start(records, func(r *kgo.Record) {
		if busy.Swap(true) {
			t.Error("two records are served at once")
		}
		runtime.Gosched()
		busy.Store(false)
		if served = append(served, r.Offset); len(served) == records {
			close(all)
		}
	}, never(t))
	want := make([]int64, 0, records)
	for first := 0; first < records; {
		n := min(1+first%7*30, records-first)
		if l.Push(batchOf(int64(first), n)) || l.Full() {
			t.Error("the queue is full within its limit")
		}
		first += n
	}
	for i := range records {
		want = append(want, int64(i))
	}
	<-all
	l.Stop()
	<-l.Ended()
	if diff := cmp.Diff(want, served); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
}

func TestDrainedIsCalledOnceWhenTheQueueHasSunkToHalf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 200
		step := make(chan struct{})
		drained := 0
		l := lane.Start(limit, func(*kgo.Record) { <-step }, func() { drained++ })
		if l.Push(batchOf(0, limit)) || l.Full() {
			t.Error("the queue is full at its limit")
		}
		synctest.Wait() // some have left the queue
		if !l.Push(batchOf(limit, limit)) || !l.Full() {
			t.Error("the queue is not full over its limit")
		}
		if !l.Push(batchOf(2*limit, 1)) {
			t.Error("the queue is no longer full, but nothing has left it")
		}
		const all = 2*limit + 1
		for served := range all {
			synctest.Wait()
			if full := drained == 0; l.Full() != full {
				t.Fatalf("after %d records Full = %v, drained was called %d times", served, l.Full(), drained)
			}
			if waiting := all - served; drained == 0 && waiting <= limit/2 {
				t.Fatalf("only %d records wait, but drained was not called", waiting)
			} else if drained == 1 && waiting > limit {
				t.Fatalf("drained was called while %d records wait", waiting)
			}
			step <- struct{}{}
		}
		synctest.Wait()
		if drained != 1 {
			t.Errorf("drained was called %d times, want once", drained)
		}

		// The next time is like the first.
		l.Push(batchOf(0, 2*limit))
		close(step)
		synctest.Wait()
		if drained != 2 || l.Full() {
			t.Errorf("drained was called %d times, want twice; Full = %v", drained, l.Full())
		}
		l.Stop()
	})
}

func TestStopDropsWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var served []int64
		l := lane.Start(10, func(r *kgo.Record) {
			<-release
			served = append(served, r.Offset)
		}, func() { t.Error("drained was called after Stop") })
		l.Push(batchOf(0, 500))
		synctest.Wait() // the first record is being served
		l.Stop()
		if l.Full() {
			t.Error("a queue that was dropped is full")
		}
		synctest.Wait()
		select {
		case <-l.Ended():
			t.Error("the lane has ended while a record was being served")
		default:
		}
		if l.Push(batchOf(500, 500)) || l.Full() {
			t.Error("a stopped lane takes records")
		}
		close(release)
		<-l.Ended()
		l.Stop() // again, does nothing
		if diff := cmp.Diff([]int64{0}, served); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
	})
}

func TestStopOfAnIdleLane(t *testing.T) {
	t.Parallel()
	l := lane.Start(10, func(*kgo.Record) { t.Error("a record is served, but there was none") }, never(t))
	l.Stop()
	<-l.Ended()
}

func TestStopWithinServe(t *testing.T) {
	t.Parallel()
	var l *lane.Lane
	ready := make(chan struct{})
	served := 0
	l = lane.Start(10, func(*kgo.Record) {
		<-ready
		served++
		l.Stop()
	}, never(t))
	l.Push(batchOf(0, 5))
	close(ready)
	<-l.Ended()
	if served != 1 {
		t.Errorf("%d records were served after Stop, want none", served-1)
	}
}

// Push, Full and Stop come from several goroutines while the lane works.
func TestLaneIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for range 50 {
		var served, drained atomic.Int64
		l := lane.Start(5, func(*kgo.Record) { served.Add(1) }, func() { drained.Add(1) })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for i := range 50 {
					l.Push(batchOf(int64(i), 3))
					l.Full()
				}
			})
		}
		wg.Go(l.Stop)
		wg.Wait()
		<-l.Ended()
		if served.Load() > 450 {
			t.Errorf("%d records were served, but only 450 were pushed", served.Load())
		}
	}
}
