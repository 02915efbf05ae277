package serving

import (
	"slices"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
)

// event runs each handler of an event. The record is done when all of them are.
func (w *work) event(handlers []*Handler) {
	if len(handlers) == 1 {
		w.one(handlers[0], outcome.Event, nil)
		return
	}
	w.all(handlers)
}

// oneWay runs a request handler for a record that asks for no reply; its values are
// discarded.
func (w *work) oneWay(h *Handler) { w.one(h, outcome.Request, nil) }

// alone goes on with a record that its batch could not handle.
func (w *work) alone(h *Handler, f *lane.Failure) {
	w.one(h, outcome.Event, &ended{number: 1, err: f.Err, at: f.At, shared: f.Shared})
}

func discard(any) error { return nil }

// one runs a handler that has no caller, again and again until the record has an outcome
// or waits in a retry topic. first is an attempt that has ended already, or nil.
func (w *work) one(h *Handler, kind outcome.Kind, first *ended) {
	if first == nil {
		n := w.item.Attempt()
		err := w.attempt(w.ctx, h, n, discard)
		if err == nil && w.ctx.Err() == nil { // most end so
			w.settle(result{attempts: n, step: outcome.Done})
			return
		}
		first = &ended{number: n, err: err}
	}
	for last := *first; ; {
		r := w.after(w.ctx, h, kind, last, discard)
		if r.step == outcome.Retry && !r.abandoned {
			if r = w.later(w.ctx, r, nil); r.stored {
				return
			}
		}
		if r.step != outcome.Retry || r.abandoned {
			w.settle(r)
			return
		}
		n := last.number + 1
		last = ended{number: n, err: w.attempt(w.ctx, h, n, discard)}
	}
}

// all is one for several handlers of an event: those that fail run again.
func (w *work) all(handlers []*Handler) {
	sum, chosen := result{}, w.chosen(len(handlers))
	for n := w.item.Attempt(); ; n++ {
		var failed []int
		var worst result
		for i, h := range handlers {
			if chosen != nil && !slices.Contains(chosen, i) {
				continue
			}
			switch r := w.attempts(w.ctx, h, outcome.Event, n, discard); {
			case r.abandoned:
				w.settle(r)
				return
			case r.step == outcome.Retry:
				failed, worst = append(failed, i), worst.orLater(r)
			default:
				sum = sum.with(r)
			}
		}
		if failed == nil {
			w.settle(sum)
			return
		}
		switch r := w.later(w.ctx, worst, failed); {
		case r.stored:
			return
		case r.abandoned:
			w.settle(r)
			return
		}
		chosen = failed
	}
}

// chosen are the numbers of the handlers that are to run, or nil for all. Those that a
// retried record names may be gone: then all run, rather than none.
func (w *work) chosen(handlers int) []int {
	named := slices.DeleteFunc(slices.Clone(w.item.Handlers()), func(i int) bool { return i < 0 || i >= handlers })
	if len(named) == 0 {
		return nil
	}
	return named
}
