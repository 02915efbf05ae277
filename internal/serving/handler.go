package serving

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kind is what a handler gives back.
type Kind uint8

// The kinds.
const (
	Single Kind = iota // one reply to a request
	Stream             // any number of replies to a request
	Event              // no reply
)

// Handler is one handler of a topic.
type Handler struct {
	Kind    Kind
	Dialect dialect.Dialect
	// Policy is how often and how fast a record is tried again.
	Policy outcome.Policy
	// Later is true when the record waits for its next attempt in a retry topic.
	Later bool
	// Timeout bounds one attempt. Zero is no bound.
	Timeout time.Duration
	// Manual is true when the handler's author says when its records are done.
	Manual bool
	// Run is the handler with everything around it.
	Run Run
	// Batch is the handler for records that are served together. Else it is nil.
	// Run then serves one record alone.
	Batch RunBatch
}

// Run starts a handler once. reply sends one value to the caller.
type Run func(ctx context.Context, a Attempt, reply func(any) error) error

// RunBatch starts a handler once for several records. It notes in failed, by index,
// what is wrong with single ones; the error it returns is that of all others.
type RunBatch func(ctx context.Context, batch []Attempt, failed []error) error

// Attempt is what a handler is started for.
type Attempt struct {
	Record *kgo.Record
	// Number counts from 1.
	Number int
	// Request is true when a caller waits for a reply.
	Request bool
	// Item commits the record of a manual handler; else it is nil.
	Item *intake.Item
}

// Topic is all that serves one topic: one handler of requests, or handlers of
// events.
type Topic struct {
	Request *Handler
	Events  []*Handler
	// Manual is true when one of them is.
	Manual bool
}
