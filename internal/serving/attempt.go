package serving

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
)

// attempts runs one handler from attempt n on until its outcome is final, or until
// the record is to wait for the next attempt in a retry topic.
func (w *work) attempts(ctx context.Context, h *Handler, kind outcome.Kind, n int, replyTo func(any) error) result {
	err := w.attempt(ctx, h, n, replyTo)
	if err == nil {
		return result{attempts: n, step: outcome.Done, abandoned: w.ctx.Err() != nil}
	}
	return w.after(ctx, h, kind, ended{number: n, err: err}, replyTo)
}

// ended is an attempt that has ended.
type ended struct {
	number int
	err    error
	// at is when it was, or zero for just now.
	at time.Time
	// shared is true when err is that of a batch, and was told about.
	shared bool
}

// left is what is left of a delay. That of a batch counts for all its records at once,
// also for those whose turn comes later.
func (e ended) left(delay time.Duration) time.Duration {
	if e.at.IsZero() {
		return delay
	}
	return max(0, delay-time.Since(e.at))
}

// after is attempts behind an attempt.
func (w *work) after(ctx context.Context, h *Handler, kind outcome.Kind, last ended, replyTo func(any) error) result {
	for {
		if w.ctx.Err() != nil {
			return result{abandoned: true}
		}
		action := outcome.Decide(kind, last.number, w.s.verdict(last), h.Policy)
		if !last.shared {
			w.note(last.err, last.number, action.Step)
		}
		r := result{attempts: last.number, step: action.Step, err: last.err, delay: last.left(action.Delay)}
		if r.step != outcome.Retry || h.Retry != nil {
			return w.final(h, r)
		}
		if r = w.rest(ctx, r); r.abandoned || r.step != outcome.Retry {
			return w.final(h, r)
		}
		n := last.number + 1
		last = ended{number: n, err: w.attempt(ctx, h, n, replyTo)}
	}
}

// rest waits in place for the next attempt.
func (w *work) rest(ctx context.Context, r result) result {
	switch err := w.item.Rest(ctx, r.delay); {
	case errors.Is(err, lane.ErrStopped):
		r.abandoned = true
	case err != nil:
		r.step = outcome.Fault // the caller's time is over
	}
	return r
}

// verdict is what the decision needs to know. An error of a whole batch says nothing
// of one record, which another attempt will.
func (s *Server) verdict(last ended) outcome.Verdict {
	v := s.Errors.Verdict(last.err)
	v.Permanent = v.Permanent && !last.shared
	return v
}

// final stores what the last attempt leaves behind.
func (w *work) final(h *Handler, r result) result {
	r.abandoned = r.abandoned || w.ctx.Err() != nil || r.step == outcome.DeadLetter && !w.deadLetter(h, r)
	return r
}

// attempt runs the handler once.
func (w *work) attempt(ctx context.Context, h *Handler, n int, replyTo func(any) error) error {
	a := Attempt{Record: w.item.Record, Number: n, Request: w.waits}
	if h.Manual {
		item := w.item // only here, so that w need not escape
		a.Item = &item
	}
	return w.s.contain(ctx, h, func(ctx context.Context) error { return h.Run(ctx, a, replyTo) })
}

// contain runs a handler within its time, and makes an error of its panic.
func (s *Server) contain(ctx context.Context, h *Handler, run func(context.Context) error) error {
	if h.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Timeout)
		defer cancel()
	}
	err := outcome.Contain(ctx, run)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && !s.Errors.Authored(err) {
		return s.Errors.Late(err)
	}
	return err
}

// note tells about an error that its author did not make for the caller.
func (w *work) note(err error, attempt int, next outcome.Step) {
	if err == nil || w.s.Errors.Authored(err) && next == outcome.Fault || next == outcome.Drop {
		return
	}
	w.s.Emit(failed(w.position(), err, attempt, next))
}

// failed is what is told about an error.
func failed(at events.Position, err error, attempt int, next outcome.Step) events.HandlerFailed {
	e := events.HandlerFailed{Position: at, Attempt: attempt, Err: err, Next: next.String()}
	if p, ok := errors.AsType[*outcome.Panic](err); ok {
		e.Stack = string(p.Stack)
	}
	if cause := errors.Unwrap(err); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
		e.Err = fmt.Errorf("%w (cause: %w)", err, cause)
	}
	return e
}
