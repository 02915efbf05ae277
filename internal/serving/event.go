package serving

import "github.com/siskin-go/siskin/internal/outcome"

// event runs each handler of an event. The record is done when all of them are.
func (w work) event(handlers []*Handler) {
	all := result{}
	for _, h := range handlers {
		r := w.attempts(w.ctx, h, outcome.Event, discard)
		if r.abandoned {
			all = r
			break
		}
		all = all.with(r)
	}
	w.settle(all)
}

// oneWay runs a request handler for a record that asks for no reply. Like a
// request it is tried once; its values are discarded.
func (w work) oneWay(h *Handler) {
	w.settle(w.attempts(w.ctx, h, outcome.Request, discard))
}

func discard(any) error { return nil }
