package program

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts events and knows when the first came.
type tally struct {
	count atomic.Uint64
	want  atomic.Uint64 // 0: nobody waits
	begin sync.Once
	first time.Time
	last  chan time.Time // holds when the wanted number was reached
}

func newTally() *tally { return &tally{last: make(chan time.Time, 1)} }

// add counts one event. Safe for concurrent use.
func (t *tally) add() {
	t.begin.Do(func() { t.first = time.Now() })
	if n := t.count.Add(1); n == t.want.Load() {
		t.tell()
	}
}

func (t *tally) tell() {
	select {
	case t.last <- time.Now():
	default: // it was reached while await looked
	}
}

// await waits for n events and returns how long they took, from the first one
// on. It is for one use.
func (t *tally) await(ctx context.Context, n uint64) (time.Duration, error) {
	t.want.Store(n)
	if t.count.Load() >= n {
		t.tell()
	}
	select {
	case last := <-t.last:
		t.begin.Do(func() { t.first = last })
		return last.Sub(t.first), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
