package serving

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
)

// work is one record being served.
type work struct {
	s      *Server
	ctx    context.Context
	item   intake.Item
	manual bool // done when its author says so
	waits  bool // a caller waits for a reply
}

// settle ends a record that has no caller.
func (w *work) settle(r result) {
	if r.abandoned {
		w.item.Leave()
		return
	}
	w.conclude("event", r.how(), r, r.err)
}

// conclude ends a record whose handlers have run. One with ManualCommit that went
// well stays open until its commit.
func (w *work) conclude(kind, how string, r result, err error) {
	if w.manual && r.step == outcome.Done {
		w.tell(kind, how, r.attempts, err)
		w.item.Leave()
		return
	}
	w.finish(kind, how, r.attempts, err)
}

func (w *work) finish(kind, how string, attempts int, err error) {
	w.tell(kind, how, attempts, err)
	w.item.Done()
}

func (w *work) tell(kind, how string, attempts int, err error) {
	if w.s.Verbose || how != "replied" && how != "done" {
		w.s.Emit(events.Handled{
			Position: w.position(), Kind: kind, Outcome: how, Attempts: attempts, Took: time.Since(w.item.Began), Err: err,
		})
	}
}

// deadLetter stores the record and reports whether it is stored.
func (w *work) deadLetter(h *Handler, r result) bool {
	f := deadletter.Failure{Cause: r.err, Handler: h.Name, Attempts: r.attempts}
	return w.s.Letters.Publish(w.ctx, w.item.Record, f, w.s.unpublished(w.position())) == nil
}

func (w *work) position() events.Position { return position(w.item) }

func position(item intake.Item) events.Position {
	r := item.Record
	return events.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}
