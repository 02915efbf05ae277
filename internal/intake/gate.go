package intake

import (
	"context"
	"sync"
)

// gate keeps the making of a new generation of partitions apart from a poll and
// the way of its records to their lanes: they were fetched for the generation
// before, which may be ahead of where the new one starts.
//
// The Kafka client's own way, to block rebalances while records are under way,
// blocks polls in return for as long as a revoke waits for handlers.
type gate struct {
	mu       sync.Mutex
	turn     sync.Cond
	polling  bool
	passing  bool
	waiting  int // those that want to pass, or are passing
	poll     context.Context
	stopPoll context.CancelFunc
}

func newGate() *gate {
	g := &gate{}
	g.turn.L = &g.mu
	return g
}

// enter begins a poll. The context that it returns ends with ctx, or when a
// rebalance wants to pass; leave must be called when the records are on their
// way.
func (g *gate) enter(ctx context.Context) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.waiting > 0 {
		g.turn.Wait()
	}
	g.polling = true
	if g.poll == nil {
		g.poll, g.stopPoll = context.WithCancel(ctx)
	}
	return g.poll
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.polling = false
	g.turn.Broadcast()
}

// pass interrupts the poll and calls f while none is going on, and nobody else
// passes. No lock is held meanwhile: f may wait for the Kafka client, which waits
// for a broker.
func (g *gate) pass(f func()) {
	g.mu.Lock()
	g.waiting++
	if g.poll != nil {
		g.stopPoll()
		g.poll = nil
	}
	for g.polling || g.passing {
		g.turn.Wait()
	}
	g.passing = true
	g.mu.Unlock()

	f()

	g.mu.Lock()
	g.passing = false
	g.waiting--
	g.mu.Unlock()
	g.turn.Broadcast()
}

// close lets go of the last poll's context.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.poll != nil {
		g.stopPoll()
	}
}
