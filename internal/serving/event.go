package serving

import (
	"slices"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
)

// event runs each handler of an event. The record is done when all of them are.
func (w work) event(handlers []*Handler) { w.handle(handlers, outcome.Event, nil) }

// oneWay runs a request handler for a record that asks for no reply; its values are
// discarded.
func (w work) oneWay(h *Handler) { w.handle([]*Handler{h}, outcome.Request, nil) }

// alone goes on with a record that its batch could not handle.
func (w work) alone(h *Handler, f *lane.Failure) {
	w.handle([]*Handler{h}, outcome.Event, &ended{number: 1, err: f.Err, at: f.At, shared: f.Shared})
}

func discard(any) error { return nil }

// handle runs handlers that have no caller, those that fail again and again until
// the record waits in a retry topic or none is left. first is an attempt that has
// ended already, or nil.
func (w work) handle(handlers []*Handler, kind outcome.Kind, first *ended) {
	all, chosen := result{}, w.chosen(len(handlers))
	for n := w.item.Attempt(); ; n++ {
		var failed []int
		var worst result
		for i, h := range handlers {
			if chosen != nil && !slices.Contains(chosen, i) {
				continue
			}
			switch r := w.begin(h, kind, n, first); {
			case r.abandoned:
				w.settle(r)
				return
			case r.step == outcome.Retry:
				failed, worst = append(failed, i), worst.orLater(r)
			default:
				all = all.with(r)
			}
		}
		if failed == nil {
			w.settle(all)
			return
		}
		switch r := w.later(w.ctx, worst, some(failed, handlers)); {
		case r.stored:
			return
		case r.abandoned:
			w.settle(r)
			return
		}
		chosen, first = failed, nil
	}
}

// begin is attempts, also for one that has ended already.
func (w work) begin(h *Handler, kind outcome.Kind, n int, first *ended) result {
	if first != nil {
		return w.after(w.ctx, h, kind, *first, discard)
	}
	return w.attempts(w.ctx, h, kind, n, discard)
}

// chosen are the numbers of the handlers that are to run, or nil for all. Those that a
// retried record names may be gone: then all run, rather than none.
func (w work) chosen(handlers int) []int {
	named := slices.DeleteFunc(slices.Clone(w.item.Handlers()), func(i int) bool { return i < 0 || i >= handlers })
	if len(named) == 0 {
		return nil
	}
	return named
}

// some is what to note of the handlers that failed: nothing where there is only one.
func some(failed []int, of []*Handler) []int {
	if len(of) == 1 {
		return nil
	}
	return failed
}
