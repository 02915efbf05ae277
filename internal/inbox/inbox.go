// Package inbox receives replies without a consumer group: it assigns itself
// one partition of each reply topic and names that partition in the requests.
// So there is no rebalance, no wait after a crash and no limit to the number of
// clients; clients that share a partition ignore each other's replies.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/joint"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what an Inbox needs. All fields must be set.
type Config struct {
	// Options reach the brokers.
	Options []kgo.Opt
	// Admin asks for offsets, over a connection that is already there.
	Admin *kadm.Client
	// Ensure sees to it that a reply topic exists.
	Ensure func(ctx context.Context, topic string) error
	// Deliver takes each record that arrives on a route. It is called from
	// one goroutine and must not block.
	Deliver func(*kgo.Record)
	// Lost ends the calls of a route whose partition is gone and returns how
	// many there were.
	Lost func(*Route, error) int
	Emit events.Sink
}

// Route is a partition on which this client listens.
type Route struct {
	Topic     string
	Partition int32

	timeouts atomic.Int32
	heard    atomic.Bool // a record has arrived
}

// ErrRouteLost ends the calls whose reply partition no longer exists.
var ErrRouteLost = errors.New("the reply partition is gone; was the reply topic deleted?")

// Inbox is the routes of one client. Safe for concurrent use.
type Inbox struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	ready sync.Map // routes in use, by reply topic

	memory  *fetch.Decompressor // of the reader
	offsets *joint.Asker[kadm.ListedOffsets]

	// turn is for whoever changes what the reader reads. The Kafka client can make
	// it wait for a broker, so callers never do; it is taken before mu.
	turn sync.Mutex

	polls    atomic.Uint64 // of the reader
	asked    atomic.Uint64 // for restarts of the reader's fetches
	restarts restarts

	mu     sync.Mutex
	routes map[string]*slot // by reply topic
	places map[partition]*place
	known  map[string]int32 // partitions of a topic when it was first seen
	reader *kgo.Client      // made with the first route
	added  []addition       // for the reader to take over
	adding bool             // it is being given some
	closed bool
}

// slot is a route that is there, or is being made.
type slot struct {
	ready chan struct{}
	route *Route
	err   error
}

// New returns an inbox without routes. It opens no connection.
func New(cfg Config) *Inbox {
	ctx, cancel := context.WithCancel(context.Background())
	return &Inbox{
		cfg: cfg, ctx: ctx, cancel: cancel, offsets: joint.New(cfg.Admin.ListEndOffsets),
		routes: make(map[string]*slot), known: make(map[string]int32), places: make(map[partition]*place),
	}
}

// Route returns the route for replies on topic and makes it when there is none.
// A failure is not kept: the next call tries again.
func (in *Inbox) Route(ctx context.Context, topic string) (*Route, error) {
	s, err := in.slot(topic)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.ready:
		return s.route, s.err
	default:
	}
	select {
	case <-s.ready:
		return s.route, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Start begins to make the route for topic, for a later call of Route.
func (in *Inbox) Start(topic string) { _, _ = in.slot(topic) }

// Ready returns the route for topic if it is there already, else nil. It takes
// no lock: every call asks.
func (in *Inbox) Ready(topic string) *Route {
	if r, ok := in.ready.Load(topic); ok {
		return r.(*Route)
	}
	return nil
}

func (in *Inbox) slot(topic string) (*slot, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, context.Canceled
	}
	s := in.routes[topic]
	if s == nil {
		s = &slot{ready: make(chan struct{})}
		in.routes[topic] = s
		// On a goroutine of its own: a caller that gives up must not fail
		// the others who wait for the same route.
		in.tasks.Go(func() { in.make(topic, s, none) })
	}
	return s, nil
}

// none stands for "no partition to avoid".
const none int32 = -1

// make fills the slot. avoid is a partition that should not be chosen again.
func (in *Inbox) make(topic string, s *slot, avoid int32) {
	s.route, s.err = in.open(topic, avoid)
	in.mu.Lock()
	if in.routes[topic] == s && s.err != nil {
		delete(in.routes, topic)
	}
	if in.routes[topic] == s {
		in.ready.Store(topic, s.route)
	}
	in.mu.Unlock()
	close(s.ready)
}

func (in *Inbox) open(topic string, avoid int32) (*Route, error) {
	ends, err := in.ends(topic)
	if err != nil {
		return nil, fmt.Errorf("open a route for replies on %q: %w", topic, err)
	}
	partition, offset, err := in.choose(topic, ends, avoid)
	if err != nil {
		return nil, fmt.Errorf("open a route for replies on %q: %w", topic, err)
	}
	route := &Route{Topic: topic, Partition: partition}
	if err := in.read(route, offset); err != nil {
		return nil, err
	}
	in.cfg.Emit(events.RouteOpened{ReplyTopic: topic, Partition: partition, Offset: offset})
	return route, nil
}

// Close stops reading. Routes that are being made fail.
func (in *Inbox) Close() {
	in.mu.Lock()
	in.closed = true
	reader := in.reader
	in.mu.Unlock()
	in.cancel()
	if reader != nil {
		reader.Close()
	}
	in.tasks.Wait()
}
