// Package serving takes a record through its handlers to its outcome, and sees to
// it that the outcome is durable before the record is done.
package serving

import (
	"context"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/reply"
)

// Config is what a Server needs. All fields must be set.
type Config struct {
	// Find returns what serves a topic, or nil.
	Find func(topic string) *Topic
	// Group is the consumer group.
	Group string
	// Dialect is how requests look on a topic that nothing serves.
	Dialect dialect.Dialect
	Replies *reply.Publisher
	Letters *deadletter.Publisher
	// Allowed says to which topics replies may go.
	Allowed reply.Policy
	// Encode makes a reply of what a handler gave.
	Encode func(v any) (reply.Message, error)
	Errors Errors
	Emit   events.Sink
	// Verbose also tells about records that went well.
	Verbose bool
}

// Errors knows what the errors of handlers mean.
type Errors struct {
	// Verdict is what the decision needs to know of an error.
	Verdict func(error) outcome.Verdict
	// Fault is what the caller of a request may know of an error.
	Fault func(error) *dialect.Fault
	// Authored reports whether an error is the caller's affair, so that the log
	// need not shout.
	Authored func(error) bool
	// Late is the error of a handler that returned err when its time was over.
	Late func(err error) error
}

// Server serves the records of all topics. Safe for concurrent use.
type Server struct{ Config }

// New returns a server.
func New(cfg Config) *Server { return &Server{cfg} }

// Serve takes one record through its handlers to its outcome. The partition's
// lane calls it; ctx ends with ErrPartitionLost, and then nothing that comes out
// counts any more, or with ErrDrained, and then a last answer still does.
func (s *Server) Serve(ctx context.Context, item intake.Item) {
	w := work{s: s, ctx: ctx, item: item}
	topic := s.Find(item.Record.Topic)
	if topic == nil {
		(&request{work: w}).unserved()
		return
	}
	if w.manual = topic.Manual; w.manual {
		item.Manual()
	}
	if f := item.Failed(); f != nil {
		w.alone(topic.Events[0], f)
		return
	}
	if topic.Request == nil {
		w.event(topic.Events)
		return
	}
	speaks := topic.Request.Dialect
	if req, ok := speaks.ReadRequest(item.Record); ok {
		(&request{work: w}).answer(topic.Request, reply.Address{Dialect: speaks, Request: req})
		return
	}
	w.oneWay(topic.Request)
}

// Keep stores a batch that cannot be read. Nobody has promised dead letters for the
// topics of requests: theirs hold up nothing where they cannot be stored.
func (s *Server) Keep(ctx context.Context, topic string, partition int32, b *fetch.Batch) bool {
	found := s.Find(topic)
	optional := found == nil || len(found.Events) == 0
	at := events.Position{Topic: topic, Partition: partition, Offset: b.First}
	return s.Letters.PublishBatch(ctx, topic, partition, b, optional, s.unpublished(at))
}

func (s *Server) unpublished(at events.Position) func(error) {
	return func(err error) {
		s.Emit(events.PublishFailed{Position: at, To: deadletter.Topic(at.Topic), Err: err})
	}
}
