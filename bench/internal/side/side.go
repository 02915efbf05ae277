// Package side is what the load tool measures: one way to do request–reply
// over Kafka, such as a hand-written franz-go loop or Siskin.
package side

import (
	"context"
	"time"
)

// Side is one contender. Its values are stateless; the state is in the Server
// and the Caller that it returns.
//
// Every side answers the JSON request [1,2,3] with 6, and gives the same
// guarantees: acks from all replicas, idempotent producers, no compression,
// an offset committed only after its reply was acknowledged, a deadline for
// each call.
type Side interface {
	// Name is the word that selects the side on the command line.
	Name() string

	// Serve starts the answering side. It need not wait until the consumer
	// group is settled: requests that come earlier must be answered too.
	Serve(ctx context.Context, at Target) (Server, error)

	// Dial makes a client of its own, as one process of a user would.
	// What it leaves undone is part of the first call.
	Dial(ctx context.Context, at Target) (Caller, error)
}

// Server answers requests until it is closed.
type Server interface {
	// Close stops serving, commits what was answered and reports the first
	// thing that went wrong while serving.
	Close() error
}

// Caller sends requests. Call is safe for concurrent use.
type Caller interface {
	// Call sends one request and waits for its reply. An error, a wrong
	// sum included, makes the whole run worthless.
	Call(ctx context.Context) error

	// Close gives up the client. No Call may be running.
	Close() error
}

// Adder is a Caller that can call another pattern of the same side, which it has
// not used before. Safe for use beside Call.
type Adder interface {
	CallOther(ctx context.Context, pattern string) error
}

// Target says where a side works. The topics exist.
type Target struct {
	// Brokers are the addresses to connect to first.
	Brokers []string

	// Pattern is the name of what is called, and the request topic. The
	// reply topic is named as NestJS would: see ReplyTopic.
	Pattern string

	// Delay is how long the handler waits before it answers. Requests of one
	// partition may wait side by side.
	Delay time.Duration
}

// ReplyTopic is the topic that replies go to.
func (t Target) ReplyTopic() string { return t.Pattern + ".reply" }

// Group is the consumer group of the server.
func (t Target) Group() string { return t.Pattern + "-server" }
