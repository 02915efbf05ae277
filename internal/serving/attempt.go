package serving

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
)

// attempts runs one handler from attempt n on until its outcome is final, or until
// the record is to wait for the next attempt in a retry topic.
func (w work) attempts(ctx context.Context, h *Handler, kind outcome.Kind, n int, replyTo func(any) error) result {
	for ; ; n++ {
		err := w.attempt(ctx, h, n, replyTo)
		if w.ctx.Err() != nil {
			return result{abandoned: true}
		}
		action := outcome.Decide(kind, n, w.s.Errors.Verdict(err), h.Policy)
		w.note(err, n, action.Step)
		r := result{attempts: n, step: action.Step, err: err, delay: action.Delay}
		if r.step != outcome.Retry || h.Later {
			return w.final(r)
		}
		if r = w.rest(ctx, r); r.abandoned || r.step != outcome.Retry {
			return w.final(r)
		}
	}
}

// rest waits in place for the next attempt.
func (w work) rest(ctx context.Context, r result) result {
	switch err := w.item.Rest(ctx, r.delay); {
	case errors.Is(err, lane.ErrStopped):
		r.abandoned = true
	case err != nil:
		r.step = outcome.Fault // the caller's time is over
	}
	return r
}

// final stores what the last attempt leaves behind.
func (w work) final(r result) result {
	r.abandoned = r.abandoned || w.ctx.Err() != nil || r.step == outcome.DeadLetter && !w.deadLetter(r.err)
	return r
}

// attempt runs the handler once.
func (w work) attempt(ctx context.Context, h *Handler, n int, replyTo func(any) error) error {
	if h.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Timeout)
		defer cancel()
	}
	a := Attempt{Record: w.item.Record, Number: n, Request: w.waits}
	if h.Manual {
		item := w.item // only here, so that w need not escape
		a.Item = &item
	}
	err := outcome.Contain(func() error { return h.Run(ctx, a, replyTo) })
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && !w.s.Errors.Authored(err) {
		return w.s.Errors.Late(err)
	}
	return err
}

// note tells about an error that its author did not make for the caller.
func (w work) note(err error, attempt int, next outcome.Step) {
	if err == nil || w.s.Errors.Authored(err) && next == outcome.Fault || next == outcome.Drop {
		return
	}
	e := events.HandlerFailed{Position: w.position(), Attempt: attempt, Err: err, Next: next.String()}
	if p, ok := errors.AsType[*outcome.Panic](err); ok {
		e.Stack = string(p.Stack)
	}
	if cause := errors.Unwrap(err); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
		e.Err = fmt.Errorf("%w (cause: %w)", err, cause)
	}
	w.s.Emit(e)
}
