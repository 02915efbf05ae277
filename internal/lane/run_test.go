package lane_test

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// quick is a lane whose records have all been quick up to now, and its hall: from then
// on they stay in their handlers.
func quick(t *testing.T, order lane.Order) (*lane.Lane, *hall) {
	t.Helper()
	h := newHall()
	l := lane.Start(lane.Config{Order: order, Places: room(), Serve: func(rec *kgo.Record, mark uint64, now time.Time) {
		if rec.Offset < 1000 {
			return
		}
		h.serve(rec, mark, now)
	}})
	for range 1000 / 20 {
		l.Push(records(0, many(20)...), 0)
		synctest.Wait()
	}
	return l, h
}

// A worker that has taken several records at once and is stuck in one of them holds up
// none of the others, but for a moment.
func TestASlowRecordAmongQuickOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, h := quick(t, lane.ByKey)
		l.Push(records(999, "k", "a", "", "b", "a", "k", "c"), 999) // the first is quick
		synctest.Wait()
		if !h.has(1000) || h.count() != 1 {
			t.Errorf("%d records run, want the first one alone", h.count())
		}
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		for offset, want := range map[int64]bool{1001: true, 1002: true, 1003: false, 1004: true, 1005: true} {
			if h.has(offset) != want {
				t.Errorf("record %d runs: %v, want %v", offset, !want, want)
			}
		}
		if held := l.Held(); held != 6 {
			t.Errorf("%d records are held, want all but the quick one", held)
		}
		h.releaseAll()
		if held := l.Held(); held != 0 || len(h.entered) != 6 {
			t.Errorf("%d records were served and %d are held, want 6 and none", len(h.entered), held)
		}
		stopped(t, l)
	})
}

// The same when another worker of the lane goes on meanwhile.
func TestASlowRecordBesideAWorkerThatGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var behind, others atomic.Int64
		first, begun, second := make(chan struct{}), make(chan struct{}), make(chan struct{})
		l := lane.Start(lane.Config{Places: []*lane.Places{lane.NewPlaces(2, false)}, Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
			switch {
			case rec.Offset == 1000:
				<-first
			case rec.Offset == 1001:
				close(begun)
				<-second
			case rec.Offset > 1010:
				time.Sleep(400 * time.Microsecond)
				others.Add(1)
			case rec.Offset > 1001:
				behind.Add(1)
			}
		}})
		for range 50 {
			l.Push(records(0, many(20)...), 0)
			synctest.Wait()
		}
		l.Push(records(1000, ""), 1000)
		synctest.Wait()
		l.Push(records(1001, many(10)...), 1001)
		<-begun // by a second worker, which has taken all of them
		l.Push(records(1011, many(1000)...), 1011)
		close(first)
		time.Sleep(10 * time.Millisecond)
		if n := behind.Load(); n != 9 {
			t.Errorf("%d records behind the slow one were served, want all 9", n)
		}
		if n := others.Load(); n == 0 || n == 1000 {
			t.Errorf("%d of the 1000 later records were served, want the first worker among them", n)
		}
		close(second)
		time.Sleep(time.Second)
		stopped(t, l)
	})
}

// A worker that goes on in what it has taken, but slowly, gives the rest of it to others.
func TestRecordsThatAreNotQuickAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var slow sync.WaitGroup
		l := lane.Start(lane.Config{Places: room(), Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
			if rec.Offset >= 1000 {
				time.Sleep(900 * time.Microsecond)
				slow.Done()
			}
		}})
		for range 50 {
			l.Push(records(0, many(20)...), 0)
			synctest.Wait()
		}
		began := time.Now()
		slow.Add(16)
		l.Push(records(1000, many(16)...), 1000)
		slow.Wait()
		if took := time.Since(began); took > 12*time.Millisecond {
			t.Errorf("16 records that wait for nobody took %v, want less than 12 ms; one after the other it is 14.4 ms", took)
		}
		stopped(t, l)
	})
}

// The place of a record that rests is free for those that were taken with it.
func TestARestAmongQuickRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l *lane.Lane
		var mu sync.Mutex
		var order []int64
		l = lane.Start(lane.Config{Places: []*lane.Places{lane.NewPlaces(1, false)}, Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
			if rec.Offset == 1000 {
				_ = l.Rest(t.Context(), time.Minute)
			}
			if rec.Offset >= 1000 {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, rec.Offset)
			}
		}})
		for range 50 {
			l.Push(records(0, many(20)...), 0)
			synctest.Wait()
		}
		began := time.Now()
		l.Push(records(1000, "", "", ""), 1000)
		synctest.Wait()
		mu.Lock()
		if len(order) != 2 || time.Since(began) > 0 {
			t.Errorf("%v were served after %v, want the two behind the one that rests", order, time.Since(began))
		}
		mu.Unlock()
		time.Sleep(time.Minute)
		stopped(t, l)
		if len(order) != 3 {
			t.Errorf("%v were served, want all three", order)
		}
	})
}

// What a worker has taken and not begun is dropped too.
func TestStopAmongQuickRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, h := quick(t, lane.ByKey)
		l.Push(records(1000, many(10)...), 1000)
		synctest.Wait()
		l.Stop()
		if held := l.Held(); held != 1 {
			t.Errorf("a stopped lane holds %d, want the one that runs", held)
		}
		h.releaseAll()
		<-l.Ended()
		if len(h.entered) != 1 {
			t.Errorf("%d records were served, want the one that had begun", len(h.entered))
		}
	})
}

// Marks need not follow each other from one Push to the next.
func TestMarksAmongQuickRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		marks := make(map[int64]uint64)
		held := make(chan struct{})
		l := lane.Start(lane.Config{Places: room(), Serve: func(rec *kgo.Record, mark uint64, _ time.Time) {
			switch {
			case rec.Offset == 1000:
				<-held
			case rec.Offset > 1000:
				marks[rec.Offset] = mark
			}
		}})
		for range 50 {
			l.Push(records(0, many(20)...), 0)
			synctest.Wait()
		}
		l.Push(records(1000, ""), 1000)
		synctest.Wait()
		l.Push(records(1001, ""), 5001)
		l.Push(records(1002, many(3)...), 7002)
		close(held) // the worker takes all four
		synctest.Wait()
		want := map[int64]uint64{1001: 5001, 1002: 7002, 1003: 7003, 1004: 7004}
		if !maps.Equal(marks, want) {
			t.Errorf("the marks are %v, want %v", marks, want)
		}
		stopped(t, l)
	})
}
