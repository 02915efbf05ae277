// Package deadline has a context whose deadline costs nothing until somebody
// waits for it.
package deadline

import (
	"context"
	"sync"
	"time"
)

// Lazy is a context with a deadline that starts its timer when somebody first
// waits for its end: most handlers are done before they would, and a timer for
// each request costs more than the rest of its context.
type Lazy struct {
	context.Context
	at time.Time

	once  sync.Once
	inner context.Context
	stop  context.CancelFunc
}

// New returns ctx with the deadline at. Cancel must be called.
func New(ctx context.Context, at time.Time) *Lazy { return &Lazy{Context: ctx, at: at} }

// start makes the context with the timer.
func (l *Lazy) start() {
	l.once.Do(func() { l.inner, l.stop = context.WithDeadline(l.Context, l.at) })
}

// Deadline is at, or that of the outer context when it is sooner.
func (l *Lazy) Deadline() (time.Time, bool) {
	if outer, ok := l.Context.Deadline(); ok && outer.Before(l.at) {
		return outer, true
	}
	return l.at, true
}

// Done starts the timer.
func (l *Lazy) Done() <-chan struct{} {
	l.start()
	return l.inner.Done()
}

// Err starts the timer.
func (l *Lazy) Err() error {
	l.start()
	return l.inner.Err()
}

// Cancel ends the context, also for those who start to wait later.
func (l *Lazy) Cancel() {
	l.once.Do(func() { l.inner, l.stop = canceled, func() {} })
	l.stop()
}

var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
