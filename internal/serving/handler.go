package serving

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
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
	Kind  Kind
	Where string // file and line of its registration
	// Name tells it from others, in dead letters. Topic.Add adds a number to that of a
	// further handler of an event, such as orders#2.
	Name    string
	Dialect dialect.Dialect
	// Order says which records wait for each other.
	Order lane.Order
	// Most is how many records run at once. Zero is no bound.
	Most int
	// Policy is how often and how fast a record is tried again.
	Policy outcome.Policy
	// Retry is the retry topic in which a record waits for its next attempt, or nil.
	Retry *RetryTopic
	// Timeout bounds one attempt. Zero is no bound.
	Timeout time.Duration
	// Manual is true when the handler's author says when its records are done.
	Manual bool
	// Run is the handler with everything around it.
	Run Run
	// Batch is the handler for records that are served together, or nil. With it, Run
	// serves one record alone.
	Batch RunBatch
	// Size is how many records Batch gets at most.
	Size int
	// Wait is how long a record waits for others.
	Wait time.Duration
}

// RetryTopic is what is special about a retry topic.
type RetryTopic struct {
	KeepOrder bool // later records of a key wait behind one that waits
	Spring    bool // it has Spring Kafka's name
}

// Run starts a handler once. reply sends one value to the caller.
type Run func(ctx context.Context, a Attempt, reply func(any) error) error

// RunBatch starts a handler once for several records. It returns, by index, what is
// wrong with single ones, or nil when nothing is, and the error of all others.
type RunBatch func(ctx context.Context, size int, attempt func(i int) Attempt) (failed []error, whole error)

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
