// Package lane runs the records of one partition through the service, in the
// order of their offsets and one at a time.
package lane

import (
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Lane is a queue with one goroutine that serves it. Its memory is bounded by
// its caller: Push tells when it is full, and drained when there is room again.
type Lane struct {
	serve   func(*kgo.Record)
	drained func()
	limit   int

	mu      sync.Mutex
	wake    sync.Cond
	queue   []*kgo.Record
	waiting bool // Push reported a depth over the limit: call drained at the low mark
	stopped atomic.Bool
	ended   chan struct{}
}

// Start returns a lane that calls serve for each record. When the queue was
// deeper than limit and has sunk to half of it, the lane calls drained on its
// own goroutine. Stop ends the lane.
func Start(limit int, serve func(*kgo.Record), drained func()) *Lane {
	l := &Lane{serve: serve, drained: drained, limit: limit, ended: make(chan struct{})}
	l.wake.L = &l.mu
	go l.run()
	return l
}

// Push queues records behind those already there. It reports true when the
// queue is now over its limit; the lane then calls drained once. After Stop the
// records are ignored.
func (l *Lane) Push(records []*kgo.Record) (full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped.Load() {
		return false
	}
	l.queue = append(l.queue, records...)
	l.wake.Signal()
	if len(l.queue) > l.limit {
		l.waiting = true
	}
	return l.waiting
}

// Full reports whether the queue went over its limit and has not yet sunk to
// half of it.
func (l *Lane) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

// Stop drops the records that have not begun. It does not wait: Ended does.
func (l *Lane) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped.Store(true)
	l.queue, l.waiting = nil, false
	l.wake.Signal()
}

// Ended is closed when the lane's goroutine has returned from its last record.
func (l *Lane) Ended() <-chan struct{} { return l.ended }

func (l *Lane) run() {
	defer close(l.ended)
	for {
		batch, ok := l.take()
		if !ok {
			return
		}
		for i, rec := range batch {
			if l.stopped.Load() {
				return
			}
			l.serve(rec)
			batch[i] = nil // let go of the record and the fetch behind it
		}
	}
}

// takeMost bounds how many records leave the queue at once, so that the depth
// stays true while a batch is served.
const takeMost = 64

func (l *Lane) take() ([]*kgo.Record, bool) {
	l.mu.Lock()
	for len(l.queue) == 0 && !l.stopped.Load() {
		l.wake.Wait()
	}
	if l.stopped.Load() {
		l.mu.Unlock()
		return nil, false
	}
	n := min(takeMost, len(l.queue))
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	call := l.waiting && len(l.queue) <= l.limit/2
	if call {
		l.waiting = false
	}
	l.mu.Unlock()
	if call {
		l.drained()
	}
	return batch, true
}
