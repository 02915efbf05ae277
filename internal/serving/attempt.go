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

// attempts runs one handler until its outcome is final.
func (w work) attempts(ctx context.Context, h *Handler, kind outcome.Kind, replyTo func(any) error) result {
	for n := 1; ; n++ {
		err := w.attempt(ctx, h, n, replyTo)
		if w.ctx.Err() != nil {
			return result{abandoned: true}
		}
		action := outcome.Decide(kind, n, w.s.Errors.Verdict(err), h.Policy)
		w.note(err, n, action.Step)
		if action.Step == outcome.Retry {
			rested := w.item.Rest(ctx, action.Delay)
			if rested == nil {
				continue
			}
			if errors.Is(rested, lane.ErrStopped) {
				return result{abandoned: true}
			}
			action.Step = outcome.Fault // the caller's time is over
		}
		return w.final(result{attempts: n, step: action.Step, err: err})
	}
}

// final stores what the last attempt leaves behind.
func (w work) final(r result) result {
	r.abandoned = w.ctx.Err() != nil || r.step == outcome.DeadLetter && !w.deadLetter(r.err)
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
