package serving

import (
	"errors"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/wire"
)

// fits says why a handler cannot have a retry topic.
func (r *RetryTopic) fits(h *Handler) error {
	switch {
	case h.Kind == Stream:
		return errors.New("a stream cannot have a retry topic: it may have sent values when it fails")
	case h.Manual:
		return errors.New("ManualCommit and RetryTopic exclude each other: the retry topic says what becomes of a record")
	case h.Order == lane.Whole:
		return errors.New("RetryTopic and Ordered exclude each other: a whole partition would wait in the retry topic; " +
			"leave RetryTopic out, and records are retried in place, in order")
	case r.KeepOrder && h.Order == lane.Nothing:
		return errors.New("Retry.KeepOrder and Unordered exclude each other")
	case r.KeepOrder && r.Spring:
		return errors.New("Retry.KeepOrder and Retry.Spring exclude each other: Spring's consumers keep no order")
	case r.KeepOrder && h.Batch != nil:
		return errors.New("a batch handler cannot have Retry.KeepOrder: a batch may hold several records of a key")
	}
	return nil
}

// join is what holds for a topic whose handlers have r and other, which came before
// and may be nil.
func (r *RetryTopic) join(other *RetryTopic) *RetryTopic {
	both := *r
	both.KeepOrder = both.KeepOrder || other != nil && other.KeepOrder
	return &both
}

// RetryTopic is where the records of a topic wait to be tried again, or false.
func (s *Server) RetryTopic(source string) (intake.RetryTopic, bool) {
	t := s.Find(source)
	if t == nil || t.Retry == nil {
		return intake.RetryTopic{}, false
	}
	return intake.RetryTopic{
		Name: wire.RetryTopicName(source, s.Group, t.Retry.Spring), KeepOrder: t.Retry.KeepOrder, Spring: t.Retry.Spring,
	}, true
}
