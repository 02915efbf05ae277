package intake

import (
	"sync"
	"sync/atomic"
)

// tally counts records whose outcome is not known yet. It starts at one, which
// closed takes away, so that it reaches zero only when nobody adds any more.
type tally struct {
	n     atomic.Int64
	close sync.Once
	zero  chan struct{}
}

func newTally() *tally {
	t := &tally{zero: make(chan struct{})}
	t.n.Store(1)
	return t
}

func (t *tally) add() { t.addAll(1) }

func (t *tally) addAll(n int) { t.n.Add(int64(n)) }

// join is add at a moment when all may be over already. It then does nothing and
// reports false.
func (t *tally) join() bool {
	for n := t.n.Load(); n > 0; n = t.n.Load() {
		if t.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (t *tally) sub() { t.subAll(1) }

func (t *tally) subAll(n int) {
	if t.n.Add(-int64(n)) == 0 {
		close(t.zero)
	}
}

// closed returns a channel that is closed when all that was added is subtracted.
// Nothing may be added after its first call, but with join.
func (t *tally) closed() <-chan struct{} {
	t.close.Do(t.sub)
	return t.zero
}
