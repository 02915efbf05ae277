package serving

import (
	"fmt"
	"strconv"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
)

// Topic is all that serves one topic: one handler of requests, handlers of events, or
// one of batches. Its records wait for each other as the handlers want it.
type Topic struct {
	Request *Handler
	Events  []*Handler // the only one may be of batches
	// Manual is true when one of them is.
	Manual bool
	// Order is the strictest of all.
	Order lane.Order
	// Places are the least of all, or nil.
	Places *lane.Places
	// Size and Wait are those of the handler of batches, or zero.
	Size int
	Wait time.Duration
	// Retry is that of the last handler that has one, and keeps order when any does.
	Retry *RetryTopic

	where string // the first handler
	most  int
}

// Lanes says how the records of a topic wait for each other.
func (s *Server) Lanes(topic string) (lane.Order, *lane.Places) {
	if t := s.Find(topic); t != nil {
		return t.Order, t.Places
	}
	return lane.Nothing, nil
}

// Batches says how many records of a topic are served together, and how long one
// waits for others. Zero is one by one.
func (s *Server) Batches(topic string) (size int, wait time.Duration) {
	if t := s.Find(topic); t != nil {
		return t.Size, t.Wait
	}
	return 0, 0
}

// Add joins a handler to the others, or says why that cannot be.
func (t *Topic) Add(h *Handler) error {
	if err := t.fits(h); err != nil {
		return err
	}
	if h.Retry != nil {
		if err := h.Retry.fits(h); err != nil {
			return err
		}
	}
	first := t.where == ""
	if first {
		t.where = h.Where
	}
	if h.Kind == Event {
		t.Events = append(t.Events, h)
		if n := len(t.Events); n > 1 {
			h.Name += "#" + strconv.Itoa(n)
		}
	} else {
		t.Request = h
	}
	if first || h.Order == lane.Whole || t.Order == lane.Nothing {
		t.Order = h.Order
	}
	if h.Most > 0 && (t.most == 0 || h.Most < t.most) {
		t.most, t.Places = h.Most, lane.NewPlaces(h.Most, false)
	}
	t.Manual = t.Manual || h.Manual
	t.Size, t.Wait = h.Size, h.Wait
	if h.Retry != nil {
		t.Retry = h.Retry.join(t.Retry)
	}
	return nil
}

func (t *Topic) fits(h *Handler) error {
	switch {
	case t.Request != nil:
		return fmt.Errorf("the topic already has a request handler, registered at %s", t.where)
	case len(t.Events) == 0:
		return nil
	case h.Kind != Event:
		return fmt.Errorf("the topic already has an event handler, registered at %s; "+
			"NestJS would never call one of the two", t.where)
	case t.Size > 0:
		return fmt.Errorf("the topic already has a batch handler, registered at %s, which takes all its records", t.where)
	case h.Batch != nil:
		return fmt.Errorf("the topic already has an event handler, registered at %s; "+
			"a batch handler takes all records of its topic", t.where)
	}
	return nil
}
