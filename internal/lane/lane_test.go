package lane_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// records are records with these keys; "" is none. Their offsets rise from first.
func records(first int64, keys ...string) []*kgo.Record {
	out := make([]*kgo.Record, len(keys))
	for i, k := range keys {
		out[i] = &kgo.Record{Offset: first + int64(i)}
		if k != "" {
			out[i].Key = []byte(k)
		}
	}
	return out
}

func many(n int) []string { return make([]string, n) }

// room is places for everybody.
func room() []*lane.Places { return []*lane.Places{lane.NewPlaces(1_000_000, true)} }

// hall lets a test hold records in their handlers, in virtual time.
type hall struct {
	mu      sync.Mutex
	inside  map[int64]chan struct{}
	entered []int64
	most    int
}

func newHall() *hall { return &hall{inside: make(map[int64]chan struct{})} }

func (h *hall) serve(rec *kgo.Record, _ uint64, _ time.Time) {
	h.mu.Lock()
	door := make(chan struct{})
	h.inside[rec.Offset] = door
	h.entered = append(h.entered, rec.Offset)
	h.most = max(h.most, len(h.inside))
	h.mu.Unlock()
	<-door
}

// release lets records out of their handlers.
func (h *hall) release(offsets ...int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range offsets {
		close(h.inside[o])
		delete(h.inside, o)
	}
}

func (h *hall) releaseAll() {
	for h.count() > 0 {
		h.mu.Lock()
		for o, door := range h.inside {
			close(door)
			delete(h.inside, o)
		}
		h.mu.Unlock()
		settle()
	}
}

func (h *hall) has(offset int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inside[offset] != nil
}

func (h *hall) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.inside)
}

// settle waits until all ticks have done what they can.
func settle() {
	time.Sleep(time.Second) // virtual
	synctest.Wait()
}

func stopped(t *testing.T, lanes ...*lane.Lane) {
	t.Helper()
	for _, l := range lanes {
		l.Stop()
		<-l.Ended()
	}
}

func TestRecordsOfOneKeyWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		l := lane.Start(lane.Config{Order: lane.ByKey, Places: room(), Serve: h.serve})
		l.Push(records(0, "a", "a", "b", "", "a", ""), 0)
		settle()
		for offset, want := range []bool{true, false, true, true, false, true} {
			if h.has(int64(offset)) != want {
				t.Errorf("record %d runs: %v, want %v", offset, !want, want)
			}
		}
		h.release(0)
		settle()
		if !h.has(1) || h.has(4) {
			t.Error("the second record with the key is not next")
		}
		l.Push(records(6, "a", "b", "c"), 6)
		settle()
		if h.has(6) || h.has(7) || !h.has(8) {
			t.Error("new records pass those with their key")
		}
		h.releaseAll()
		if len(h.entered) != 9 {
			t.Errorf("%d records were served, want 9", len(h.entered))
		}
		stopped(t, l)
	})
}

func TestOrders(t *testing.T) {
	t.Parallel()
	for order, want := range map[lane.Order]int{lane.Whole: 1, lane.ByKey: 3, lane.Nothing: 4} {
		synctest.Test(t, func(t *testing.T) {
			h := newHall()
			l := lane.Start(lane.Config{Order: order, Places: room(), Serve: h.serve})
			l.Push(records(0, "a", "", "a", ""), 0)
			settle()
			if n := h.count(); n != want {
				t.Errorf("order %d: %d records run at once, want %d", order, n, want)
			}
			h.releaseAll()
			stopped(t, l)
		})
	}
}

func TestMarksAreGivenOn(t *testing.T) {
	t.Parallel()
	var sum, n atomic.Uint64
	all := make(chan struct{})
	l := lane.Start(lane.Config{Order: lane.ByKey, Places: room(), Serve: func(rec *kgo.Record, mark uint64, _ time.Time) {
		if mark != uint64(rec.Offset)+100 {
			t.Errorf("record %d has the mark %d", rec.Offset, mark)
		}
		sum.Add(mark)
		if n.Add(1) == 1000 {
			close(all)
		}
	}})
	for first := range int64(10) {
		l.Push(records(100*first, many(100)...), uint64(100*first)+100)
	}
	<-all
	stopped(t, l)
}

// A blocked handler delays the others by a tick, and by less once the lane knows
// that its handlers are slow.
func TestSlowHandlersRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var last atomic.Int64
		l := lane.Start(lane.Config{Order: lane.ByKey, Places: room(), Serve: func(*kgo.Record, uint64, time.Time) {
			time.Sleep(50 * time.Millisecond)
			last.Store(int64(time.Since(began)))
		}})
		l.Push(records(0, many(64)...), 0)
		settle()
		if d := time.Duration(last.Load()); d > 60*time.Millisecond {
			t.Errorf("64 handlers of 50 ms took %v, want them to run at once after a few ticks", d)
		}
		began = time.Now()
		l.Push(records(64, many(500)...), 64)
		settle()
		if d := time.Duration(last.Load()); d > 50*time.Millisecond {
			t.Errorf("500 handlers of 50 ms took %v, want them to run at once", d)
		}
		stopped(t, l)
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		places := []*lane.Places{lane.NewPlaces(100, true), lane.NewPlaces(7, false)}
		l := lane.Start(lane.Config{Order: lane.ByKey, Places: places, Serve: h.serve})
		l.Push(records(0, many(50)...), 0)
		settle()
		if h.count() != 7 {
			t.Errorf("%d records run, want 7", h.count())
		}
		h.releaseAll()
		if h.most != 7 || len(h.entered) != 50 {
			t.Errorf("%d records were served, %d at once; want 50 and 7", len(h.entered), h.most)
		}
		stopped(t, l)
		for i, p := range places {
			if p.Used() != 0 {
				t.Errorf("%d of places %d are still taken", p.Used(), i)
			}
		}
	})
}

// One lane cannot keep the others from working, however greedy it is.
func TestPlacesAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		greedy, modest, third := newHall(), newHall(), newHall()
		places := []*lane.Places{lane.NewPlaces(90, false)}
		start := func(h *hall) *lane.Lane {
			return lane.Start(lane.Config{Order: lane.ByKey, Places: places, Serve: h.serve})
		}
		a, b, c := start(greedy), start(modest), start(third)
		a.Push(records(0, many(500)...), 0)
		settle()
		if greedy.count() < 70 || greedy.count() > 80 {
			t.Errorf("a greedy lane got %d of 90 places, want eight ninths", greedy.count())
		}
		b.Push(records(0, many(5)...), 0)
		c.Push(records(0, many(2)...), 0)
		settle()
		if modest.count() != 5 || third.count() != 2 {
			t.Errorf("the others got %d and %d places, want 5 and 2", modest.count(), third.count())
		}
		for _, h := range []*hall{greedy, modest, third} {
			h.releaseAll()
		}
		stopped(t, a, b, c)
	})
}

// A lane without a worker gets one from the service's places, even when all are
// taken; never from those of a handler.
func TestALaneIsNeverStarved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, third := newHall(), newHall(), newHall()
		service, handler := lane.NewPlaces(1, true), lane.NewPlaces(1, false)
		a := lane.Start(lane.Config{Places: []*lane.Places{service, handler}, Serve: first.serve})
		b := lane.Start(lane.Config{Places: []*lane.Places{service}, Serve: second.serve})
		c := lane.Start(lane.Config{Places: []*lane.Places{service, handler}, Serve: third.serve})
		a.Push(records(0, many(10)...), 0)
		settle()
		b.Push(records(0, many(10)...), 0)
		c.Push(records(0, many(10)...), 0)
		settle()
		if first.count() != 1 || second.count() != 1 || third.count() != 0 {
			t.Errorf("%d, %d and %d run, want 1, 1 and 0", first.count(), second.count(), third.count())
		}
		first.release(0)
		settle()
		if first.count()+third.count() != 1 {
			t.Errorf("%d and %d run, want one of both", first.count(), third.count())
		}
		for range 20 {
			first.releaseAll()
			second.releaseAll()
			third.releaseAll()
		}
		if n := len(first.entered) + len(second.entered) + len(third.entered); n != 30 {
			t.Errorf("%d records were served, want 30", n)
		}
		stopped(t, a, b, c)
	})
}

// Two lanes that always have work take turns at the only place.
func TestAPlaceChangesHands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		places := []*lane.Places{lane.NewPlaces(1, false)}
		var served [2]atomic.Int64
		var lanes [2]*lane.Lane
		for i := range lanes {
			lanes[i] = lane.Start(lane.Config{Places: places, Serve: func(*kgo.Record, uint64, time.Time) {
				time.Sleep(time.Millisecond)
				served[i].Add(1)
			}})
			lanes[i].Push(records(0, many(1_000)...), 0)
		}
		time.Sleep(500 * time.Millisecond)
		for i := range served {
			if n := served[i].Load(); n < 200 {
				t.Errorf("lane %d has served %d of about 500 records, want about half", i, n)
			}
		}
		stopped(t, lanes[:]...)
	})
}

// A record that rests keeps its key and gives its place to others.
func TestRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l *lane.Lane
		var order []int64
		var mu sync.Mutex
		l = lane.Start(lane.Config{Places: []*lane.Places{lane.NewPlaces(1, false)}, Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
			if rec.Offset == 0 {
				began := time.Now()
				if err := l.Rest(t.Context(), time.Minute); err != nil || time.Since(began) < time.Minute {
					t.Errorf("Rest = %v after %v", err, time.Since(began))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			order = append(order, rec.Offset)
		}})
		l.Push(records(0, "a", "a", "b", "", "a"), 0)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := []int64{2, 3, 0, 1, 4}
		for i := range want {
			if i >= len(order) || order[i] != want[i] {
				t.Fatalf("served %v, want %v", order, want)
			}
		}
		stopped(t, l)
	})
}

func TestRestEndsWithItsContextOrTheLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l *lane.Lane
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		l = lane.Start(lane.Config{Places: room(), Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
			if rec.Offset == 0 {
				ended <- l.Rest(ctx, time.Hour)
				return
			}
			ended <- l.Rest(t.Context(), time.Hour)
			ended <- l.Rest(t.Context(), time.Hour) // stopped already
		}})
		l.Push(records(0, "", ""), 0)
		settle()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Rest = %v, want %v", err, context.Canceled)
		}
		l.Stop()
		for range 2 {
			if err := <-ended; !errors.Is(err, lane.ErrStopped) {
				t.Errorf("Rest = %v, want %v", err, lane.ErrStopped)
			}
		}
		<-l.Ended()
	})
}

func TestStopDropsWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		places := lane.NewPlaces(2, false)
		l := lane.Start(lane.Config{Places: []*lane.Places{places}, Serve: h.serve})
		l.Push(records(0, "a", "b", "a", "c", ""), 0)
		settle()
		l.Stop()
		l.Stop() // again, does nothing
		settle()
		select {
		case <-l.Ended():
			t.Error("the lane has ended while records were being served")
		default:
		}
		l.Push(records(5, many(5)...), 5)
		h.releaseAll()
		<-l.Ended()
		if len(h.entered) != 2 || places.Used() != 0 {
			t.Errorf("%d records were served, %d places are taken; want 2 and 0", len(h.entered), places.Used())
		}
	})
}

// What a lane holds is what waits, runs or rests.
func TestHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		var left []int
		l := lane.Start(lane.Config{
			Places: []*lane.Places{lane.NewPlaces(1, false)}, Serve: h.serve, Left: func(n int) { left = append(left, n) },
		})
		if n := l.Push(records(0, "a", "a", ""), 0); n != 3 || l.Held() != 3 {
			t.Errorf("the lane holds %d, %d, want 3", n, l.Held())
		}
		settle()
		h.releaseAll()
		if !slices.Equal(left, []int{2, 1, 0}) || l.Held() != 0 {
			t.Errorf("left %v, then %d; want 2, 1, 0 and none", left, l.Held())
		}
		l.Push(records(3, "a", "a"), 3)
		settle()
		l.Stop()
		if n := l.Held(); n != 1 {
			t.Errorf("a stopped lane holds %d, want the one that runs", n)
		}
		h.releaseAll()
		<-l.Ended()
	})
}

func TestStopOfAnIdleLane(t *testing.T) {
	t.Parallel()
	l := lane.Start(lane.Config{Places: room(), Serve: func(*kgo.Record, uint64, time.Time) { t.Error("a record is served") }})
	stopped(t, l)
}

// Push and Stop come from several goroutines while the lane works.
func TestLaneIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for range 50 {
		var served atomic.Int64
		places := lane.NewPlaces(3, false)
		l := lane.Start(lane.Config{Places: []*lane.Places{places}, Serve: func(*kgo.Record, uint64, time.Time) { served.Add(1) }})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for i := range int64(50) {
					l.Push(records(i, "a", "", "b"), 0)
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
