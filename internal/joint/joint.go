// Package joint puts questions of many callers to a broker as one. A thousand
// patterns that are used at once are three thousand questions otherwise.
package joint

import (
	"context"
	"sync"
	"time"
)

// patience is how long a caller waits for others before it asks by itself. The
// answer about their topics can take long: one may have lost its leader.
const patience = 100 * time.Millisecond

// Asker asks for names. Who comes alone asks at once; those who come while a
// question is under way share the next one. Safe for concurrent use.
type Asker[T any] struct {
	ask  func(ctx context.Context, names ...string) (T, error)
	turn chan struct{} // full while a question is under way

	mu   sync.Mutex
	next *question[T] // the one that is not under way yet
}

type question[T any] struct {
	names  []string
	done   chan struct{}
	answer T // of all names; must not be changed
	err    error
}

// New returns an Asker for ask.
func New[T any](ask func(ctx context.Context, names ...string) (T, error)) *Asker[T] {
	return &Asker[T]{ask: ask, turn: make(chan struct{}, 1)}
}

// Ask returns an answer that has the names in it, and perhaps others. All who share
// it read the same value. An error is about these names alone: where a common
// question fails, each asks its own.
func (a *Asker[T]) Ask(ctx context.Context, names ...string) (T, error) {
	q := a.join(names)
	tired := time.NewTimer(patience)
	defer tired.Stop()
	select {
	case a.turn <- struct{}{}:
		a.lead(ctx, q)
	case <-q.done:
	case <-tired.C:
		return a.ask(ctx, names...)
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
	if q.err != nil && len(q.names) > len(names) {
		return a.ask(ctx, names...)
	}
	return q.answer, q.err
}

func (a *Asker[T]) join(names []string) *question[T] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next = &question[T]{done: make(chan struct{})}
	}
	a.next.names = append(a.next.names, names...)
	return a.next
}

// lead puts the question, unless another of those who share it has. The caller has
// the turn.
func (a *Asker[T]) lead(ctx context.Context, q *question[T]) {
	defer func() { <-a.turn }()
	a.mu.Lock()
	mine := a.next == q
	if mine {
		a.next = nil
	}
	a.mu.Unlock()
	if !mine {
		return // done: a question is detached and answered in one turn
	}
	q.answer, q.err = a.ask(ctx, q.names...)
	close(q.done)
}
