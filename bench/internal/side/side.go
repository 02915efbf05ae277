// Package side is what a Go program of the benchmark implements: one way to
// do request–reply and events over Kafka, such as a hand-written franz-go loop
// or Siskin.
package side

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Side is one contender. Its values are stateless; the state is in the Server
// and the Client that it returns.
//
// Every side gives the same guarantees: acks from all replicas, idempotent
// producers, no compression, an offset committed only after its reply was
// acknowledged, a deadline for each call. Where the library of a side cannot
// give one of them, bench/README.md says so.
type Side interface {
	// Serve starts the answering program, and returns when it can work. It need
	// not wait until the consumer group is settled: requests that come earlier
	// must be answered too.
	Serve(ctx context.Context, at Target) (Server, error)

	// Dial makes a client of its own. What it leaves undone is part of the
	// first call.
	Dial(ctx context.Context, at Target) (Client, error)
}

// Server works until it is closed.
type Server interface {
	// Close stops serving, commits what was answered and reports the first
	// thing that went wrong while serving.
	Close() error
}

// Client does the client's half of the work.
type Client interface {
	// Call sends one request and waits for its reply, or for all replies of a
	// stream, or for the broker to store an event. An error, a wrong reply
	// included, makes the whole run worthless. Safe for concurrent use.
	Call(ctx context.Context) error

	// Close gives up the client. No Call may be running.
	Close() error
}

// Starter is a Server that knows when it has its partitions.
type Starter interface {
	// Ready waits until it has them and returns how long that took since it was
	// started.
	Ready(ctx context.Context) (time.Duration, error)
}

// Waiter is a Client that can leave calls unanswered.
type Waiter interface {
	// Wait makes a call to Target.Silent, and returns when ctx ends. Safe for
	// concurrent use.
	Wait(ctx context.Context) error
}

// Op is what client and server do together.
type Op string

const (
	Sum    Op = "sum"    // the request [1,2,3], the reply 6
	Echo   Op = "echo"   // a text of Target.Size bytes there and back
	Stream Op = "stream" // the request 100, the replies 1 to 100
	Events Op = "events" // a text of Target.Size bytes there
	Orders Op = "orders" // an Order of about Target.Size bytes there

	// As Echo and Events, but what a service does with them is Siskin's own way.
	Relay   Op = "relay"   // there and back, the value left as it is
	Records Op = "records" // handled one by one, their values left as they are
	Batches Op = "batches" // decoded, and handled many at a time

	// As Events. The server reads another topic too, which has none.
	Beside Op = "beside"
)

// StreamLength is how many replies a stream has.
const StreamLength = 100

// Check refuses an unknown operation.
func (o Op) Check() error {
	if !slices.Contains([]Op{Sum, Echo, Stream, Events, Orders, Relay, Records, Batches, Beside}, o) {
		return fmt.Errorf("operation %q: unknown", o)
	}
	return nil
}

// InGo reports whether only the sides in this module know the operation.
func (o Op) InGo() bool {
	return o == Orders || o == Relay || o == Records || o == Batches || o == Beside
}

// Target says where and what a side works. The topics exist.
type Target struct {
	// Brokers are the addresses to connect to first.
	Brokers []string

	// Pattern is the name of what is called, and the topic of requests or
	// events. The reply topic is named as NestJS would; see ReplyTopic.
	Pattern string

	// Op is what is done there.
	Op Op

	// Size is how many bytes a text has, in the operations that have one.
	Size int

	// Delay is how long the handler waits before it answers. Requests of one
	// partition may wait side by side.
	Delay time.Duration

	// Partitions is how many the topics have.
	Partitions int

	// KeepBytes is how much of each partition the broker keeps; 0 is all.
	KeepBytes int

	// Scale is how much more there is than one handler and one client.
	Scale

	// Handled is to be called by a server after each event. Safe for
	// concurrent use.
	Handled func()

	// Traffic is to count what a client's half reads; nil if nobody asks.
	Traffic *Traffic

	client int // which of the clients this is for, from 0
}

// Options are what a Kafka client of the client's half has to be made with.
func (t Target) Options() []kgo.Opt {
	if t.Traffic == nil {
		return nil
	}
	return []kgo.Opt{kgo.WithHooks(t.Traffic)}
}

// Group is the consumer group of the server.
func (t Target) Group() string { return t.Pattern + "-server" }
