// Package deadline says how long a request's caller waits, and has a context
// whose deadline costs nothing until somebody waits for it.
package deadline

import (
	"context"
	"sync/atomic"
	"time"
)

// Lazy is a context with a deadline that starts its timer when somebody first
// waits for its end: most handlers are done before they would, and a timer for
// each request costs more than the rest of its context.
type Lazy struct {
	context.Context
	at    time.Time
	inner atomic.Pointer[inner]
}

// inner is the context with the timer.
type inner struct {
	context.Context
	stop context.CancelFunc
}

// Init makes the zero Lazy ctx with the deadline at. Cancel must be called.
func (l *Lazy) Init(ctx context.Context, at time.Time) { l.Context, l.at = ctx, at }

// start makes the context with the timer, once.
func (l *Lazy) start() *inner {
	if started := l.inner.Load(); started != nil {
		return started
	}
	ctx, stop := context.WithDeadline(l.Context, l.at)
	if !l.inner.CompareAndSwap(nil, &inner{ctx, stop}) {
		stop()
	}
	return l.inner.Load()
}

// Deadline is at, or that of the outer context when it is sooner.
func (l *Lazy) Deadline() (time.Time, bool) {
	if outer, ok := l.Context.Deadline(); ok && outer.Before(l.at) {
		return outer, true
	}
	return l.at, true
}

// Done starts the timer.
func (l *Lazy) Done() <-chan struct{} { return l.start().Done() }

// Err starts the timer.
func (l *Lazy) Err() error { return l.start().Err() }

// Cancel ends the context, also for those who start to wait later.
func (l *Lazy) Cancel() {
	if !l.inner.CompareAndSwap(nil, canceled) {
		l.inner.Load().stop()
	}
}

var canceled = func() *inner {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &inner{ctx, cancel}
}()
