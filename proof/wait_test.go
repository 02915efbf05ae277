package proof_test

import (
	"sync"
	"testing"
	"time"
)

// receive waits for a value or the end of a channel.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// guarded is a lock that tells when something under it has changed.
type guarded struct {
	mu      sync.Mutex
	changed chan struct{}
}

// update runs change and wakes those who wait.
func (g *guarded) update(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

func (g *guarded) read(look func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	look()
}

// wait returns when holds does. holds runs under the lock.
func (g *guarded) wait(t *testing.T, complaint string, holds func() bool) {
	t.Helper()
	if !g.await(holds) {
		t.Fatalf("waited %v: %s", patience, complaint)
	}
}

// await reports whether holds did within our patience.
func (g *guarded) await(holds func() bool) bool {
	late := time.After(patience)
	for {
		ok, changed := g.look(holds)
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

func (g *guarded) look(holds func() bool) (ok bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return holds(), g.changed
}
