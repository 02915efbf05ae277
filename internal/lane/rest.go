package lane

import (
	"context"
	"errors"
	"time"
)

// ErrStopped says that a lane was stopped while one of its records rested.
var ErrStopped = errors.New("the partition is being given up")

// Rest waits for d in the middle of Serve. The record's key stays busy; the
// worker's place is free for others meanwhile. It returns nil when the time has
// passed, ErrStopped when the lane was stopped, else the error of ctx.
func (l *Lane) Rest(ctx context.Context, d time.Duration) error {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return ErrStopped
	}
	l.workers--
	l.takeAllBack()
	held := l.held
	l.mu.Unlock()
	l.cfg.Left(held)
	l.release()
	l.revive()
	err := l.sleep(ctx, d)
	return l.comeBack(err)
}

// comeBack waits for a place after a rest.
func (l *Lane) comeBack(err error) error {
	l.mu.Lock()
	if l.stopped {
		l.enter()
		l.mu.Unlock()
		return ErrStopped
	}
	back := make(chan struct{})
	l.back = append(l.back, back)
	l.grow(1)
	l.hasten()
	l.mu.Unlock()
	<-back
	select {
	case <-l.stop:
		return ErrStopped
	default:
		return err
	}
}

func (l *Lane) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return ErrStopped
	}
}

// enter takes places without asking, for the short rest of a stopped lane's work.
func (l *Lane) enter() {
	l.workers++
	for _, p := range l.cfg.Places {
		p.enter()
	}
}
