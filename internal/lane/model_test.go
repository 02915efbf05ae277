package lane_test

import (
	"testing"
	"testing/synctest"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// script is what happens to a lane: records that come, records that are let
// through the handler, and a stop.
type script struct {
	limit int
	steps []step
}

type step struct{ push, serve int }

func drawScript(t *rapid.T) script {
	s := script{limit: rapid.IntRange(0, 100).Draw(t, "limit")}
	s.steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{push: rapid.IntRange(0, 150).Draw(t, "push"), serve: rapid.IntRange(0, 200).Draw(t, "serve")}
	}), 1, 20).Draw(t, "steps")
	return s
}

// The lane as its callers see it: a queue. They need not know how many records
// leave it at once, so the model has a range for its depth.
func TestLaneAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		synctest.Test(t, func(t *testing.T) { play(t, rt, s) })
	})
}

func play(t *testing.T, rt *rapid.T, s script) {
	const mostBatched = 64
	var served []int64
	allow := make(chan struct{})
	stopped := make(chan struct{})
	drained := 0
	l := lane.Start(s.limit, func(r *kgo.Record) {
		served = append(served, r.Offset)
		select {
		case <-allow:
		case <-stopped:
		}
	}, func() { drained++ })
	defer func() {
		close(stopped)
		<-l.Ended()
	}()
	defer l.Stop()

	pushed, finished, full := 0, 0, false
	wantDrained := 0
	for i, st := range s.steps {
		waiting := pushed - finished
		got := l.Push(batchOf(int64(pushed), st.push))
		pushed += st.push
		switch most := waiting + st.push; {
		case full && !got && drained == wantDrained:
			rt.Fatalf("step %d: Push says there is room, but drained was not called", i)
		case got && !full && most <= s.limit:
			rt.Fatalf("step %d: Push says it is full at a depth of at most %d, limit %d", i, most, s.limit)
		case !got && most-mostBatched-1 > s.limit:
			rt.Fatalf("step %d: Push says there is room at a depth of at least %d, limit %d", i, most-mostBatched-1, s.limit)
		}
		full = got
		for range min(st.serve, pushed-finished) {
			synctest.Wait()
			allow <- struct{}{}
			finished++
		}
		synctest.Wait()
		if full && !l.Full() {
			wantDrained++
			full = false
		}
		if drained != wantDrained {
			rt.Fatalf("step %d: drained was called %d times, want %d", i, drained, wantDrained)
		}
		if pushed == finished && l.Full() {
			rt.Fatalf("step %d: an empty queue is full", i)
		}
		if want := min(finished+1, pushed); len(served) != want {
			rt.Fatalf("step %d: %d records have begun, want %d", i, len(served), want)
		}
	}
	for i, offset := range served {
		if offset != int64(i) {
			rt.Fatalf("record %d has the offset %d", i, offset)
		}
	}
}
