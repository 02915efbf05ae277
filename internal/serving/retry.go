package serving

import (
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/wire"
)

// Retry says how records wait in a retry topic.
type Retry struct {
	KeepOrder bool
	// Spring names the topic as Spring Kafka does.
	Spring bool
}

// Name is the retry topic of a source topic and a consumer group.
func (r *Retry) Name(source, group string) string {
	if r.Spring {
		return source + wire.RetrySuffix
	}
	return source + "-" + group + wire.RetrySuffix
}

// join is what holds for a topic whose handlers have r and other, which came before
// and may be nil.
func (r *Retry) join(other *Retry) *Retry {
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
		Name: t.Retry.Name(source, s.Group), KeepOrder: t.Retry.KeepOrder, Spring: t.Retry.Spring,
	}, true
}
