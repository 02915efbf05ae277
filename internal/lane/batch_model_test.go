package lane_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
	"pgregory.net/rapid"
)

// batchScript is a lane of batches and what comes to it.
type batchScript struct {
	order   lane.Order
	size    int
	wait    time.Duration
	ample   bool // there are places for all
	places  int
	failing int // of ten records
	hurries bool
	pushes  []push
	stop    time.Duration // from the start, or zero for never
	seed    uint64
}

func drawBatchScript(t *rapid.T) batchScript {
	s := batchScript{
		order:   rapid.SampledFrom([]lane.Order{lane.ByKey, lane.ByKey, lane.Whole, lane.Nothing}).Draw(t, "order"),
		size:    rapid.IntRange(1, 8).Draw(t, "size"),
		wait:    time.Duration(rapid.IntRange(0, 40).Draw(t, "wait")) * time.Millisecond,
		ample:   rapid.Bool().Draw(t, "ample"),
		places:  rapid.IntRange(1, 4).Draw(t, "places"),
		failing: rapid.IntRange(0, 5).Draw(t, "failing"),
		hurries: rapid.IntRange(0, 4).Draw(t, "hurries") == 0,
		seed:    rapid.Uint64().Draw(t, "seed"),
	}
	if s.ample {
		s.places = 1_000_000
	}
	key := rapid.SampledFrom([]string{"", "", "a", "a", "b", "c", "d"})
	s.pushes = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) push {
		return push{
			after: time.Duration(rapid.IntRange(0, 50).Draw(t, "after")) * time.Millisecond,
			keys:  rapid.SliceOfN(key, 1, 20).Draw(t, "keys"),
		}
	}), 1, 6).Draw(t, "pushes")
	if rapid.IntRange(0, 3).Draw(t, "stops") == 0 {
		s.stop = time.Duration(rapid.IntRange(1, 300).Draw(t, "stop")) * time.Millisecond
	}
	return s
}

// The promises of batches, whatever comes: their size and wait, the order of keys,
// also of those that failed, and each record once unless the lane was stopped.
func TestBatchesKeepTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawBatchScript(rt)
		var failures []string
		synctest.Test(t, func(*testing.T) { failures = playBatches(s) })
		if len(failures) > 0 {
			rt.Fatalf("%d failures; the first: %s", len(failures), failures[0])
		}
	})
}

// ledger is what a lane of batches has done, kept as naively as can be.
type ledger struct {
	batchScript
	lane   *lane.Lane
	places *lane.Places

	mu       sync.Mutex
	rand     *rand.Rand
	came     map[int64]time.Time
	done     map[int64]int
	busy     map[string]bool      // keys in a batch or alone
	freed    map[string]time.Time // when a key was last let go
	owed     map[string][]int64   // failed and not yet served alone, by key
	last     map[string]int64     // the last offset that began, by key
	running  int
	failures []string
}

func playBatches(s batchScript) []string {
	l := &ledger{
		batchScript: s, rand: rand.New(rand.NewPCG(s.seed, 1)), came: make(map[int64]time.Time), done: make(map[int64]int),
		busy: make(map[string]bool), freed: make(map[string]time.Time), owed: make(map[string][]int64), last: make(map[string]int64),
		places: lane.NewPlaces(s.places, false),
	}
	l.lane = lane.Start(lane.Config{
		Order: s.order, Places: []*lane.Places{l.places},
		Batch: &lane.Batch{Size: s.size, Wait: s.wait, Serve: l.serve, Alone: l.alone},
	})
	if s.stop > 0 {
		time.AfterFunc(s.stop, l.lane.Stop)
	}
	pushed := int64(0)
	for i, p := range s.pushes {
		time.Sleep(p.after)
		recs := records(pushed, p.keys...)
		l.mu.Lock()
		for _, rec := range recs {
			l.came[rec.Offset] = time.Now()
		}
		l.mu.Unlock()
		l.lane.Push(recs, uint64(pushed))
		if pushed += int64(len(p.keys)); s.hurries && i%2 == 0 {
			l.lane.Hurry()
		}
	}
	time.Sleep(time.Hour)
	if held := l.lane.Held(); held != 0 {
		l.failf("the lane still holds %d records", held)
	}
	l.lane.Stop()
	<-l.lane.Ended()
	for offset := range pushed {
		if n := l.done[offset]; n > 1 || n == 0 && s.stop == 0 {
			l.failf("record %d was done %d times", offset, n)
		}
	}
	if used := l.places.Used(); used != 0 {
		l.failf("%d places are still taken", used)
	}
	return l.failures
}

func (l *ledger) failf(format string, args ...any) {
	l.failures = append(l.failures, fmt.Sprintf(format, args...))
}

// key is what a record waits for, or "".
func (l *ledger) key(t lane.Turn) string {
	switch l.order {
	case lane.Whole:
		return "whole"
	case lane.Nothing:
		return ""
	}
	return string(t.Record.Key)
}

func (l *ledger) serve(batch []lane.Turn) {
	time.Sleep(l.begin(batch))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	for i, t := range batch {
		if l.rand.IntN(10) < l.failing {
			batch[i].Failed = &lane.Failure{}
			if k := l.key(t); k != "" {
				l.owed[k] = append(l.owed[k], t.Record.Offset)
			}
		} else {
			l.done[t.Record.Offset]++
		}
		l.free(t)
	}
}

func (l *ledger) free(t lane.Turn) {
	if k := l.key(t); k != "" {
		delete(l.busy, k)
		l.freed[k] = time.Now()
	}
}

// begin checks a batch and says how long it takes.
func (l *ledger) begin(batch []lane.Turn) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enter()
	if len(batch) == 0 || len(batch) > l.size {
		l.failf("a batch has %d records, want 1 to %d", len(batch), l.size)
	}
	own := make(map[string]bool)
	for i, t := range batch {
		offset, k := t.Record.Offset, l.key(t)
		if t.Mark != uint64(offset) || t.Failed != nil || i > 0 && offset <= batch[i-1].Record.Offset {
			l.failf("record %d with mark %d is in a batch behind %d, failed: %v", offset, t.Mark, batch[max(i, 1)-1].Record.Offset, t.Failed)
		}
		if k == "" {
			continue
		}
		if last, ok := l.last[k]; l.busy[k] && !own[k] || len(l.owed[k]) > 0 || ok && last >= offset {
			l.failf("record %d with key %q is in a batch behind %d, beside another: %v, before %v", offset, k, last, l.busy[k], l.owed[k])
		}
		l.busy[k], own[k], l.last[k] = true, true, offset
	}
	l.punctual(batch)
	return time.Duration(l.rand.IntN(30)) * time.Millisecond
}

// punctual checks when a batch begins.
func (l *ledger) punctual(batch []lane.Turn) {
	now, oldest := time.Now(), time.Now()
	for _, t := range batch {
		came := l.came[t.Record.Offset]
		if came.Before(oldest) {
			oldest = came
		}
		latest := came.Add(l.wait)
		if free := l.freed[l.key(t)]; free.After(latest) {
			latest = free
		}
		if l.ample && l.stop == 0 && now.After(latest) {
			l.failf("record %d is in a batch %v late", t.Record.Offset, now.Sub(latest))
		}
	}
	if early := oldest.Add(l.wait).Sub(now); len(batch) < l.size && early > 0 && !l.hurries {
		l.failf("a batch of %d, not %d, begins %v early", len(batch), l.size, early)
	}
}

func (l *ledger) enter() {
	if l.running++; l.running > l.batchScript.places && l.stop == 0 {
		l.failf("%d handlers run at once, want at most %d", l.running, l.batchScript.places)
	}
}

func (l *ledger) alone(t lane.Turn) {
	took, rests := l.beginAlone(t)
	time.Sleep(took)
	if rests > 0 {
		l.moved(-1)
		_ = l.lane.Rest(context.Background(), rests)
		l.moved(+1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.done[t.Record.Offset]++
	l.free(t)
	if k := l.key(t); k != "" {
		l.owed[k] = l.owed[k][1:]
	}
}

func (l *ledger) moved(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running += n
}

func (l *ledger) beginAlone(t lane.Turn) (took, rests time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enter()
	offset, k := t.Record.Offset, l.key(t)
	if t.Mark != uint64(offset) || t.Failed == nil || l.done[offset] > 0 {
		l.failf("record %d with mark %d is alone, failed: %v, done: %d", offset, t.Mark, t.Failed, l.done[offset])
	}
	if k != "" {
		if l.busy[k] || len(l.owed[k]) == 0 || l.owed[k][0] != offset {
			l.failf("record %d with key %q is alone, beside another: %v, before %v", offset, k, l.busy[k], l.owed[k])
		}
		l.busy[k] = true
	}
	if l.rand.IntN(2) == 0 {
		rests = time.Duration(l.rand.IntN(100)) * time.Millisecond
	}
	return time.Duration(l.rand.IntN(20)) * time.Millisecond, rests
}
