package siskin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/brokerwatch"
	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/siskin-go/siskin/internal/joint"
	"github.com/siskin-go/siskin/internal/known"
	"github.com/siskin-go/siskin/internal/outbox"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/pending"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Client sends requests and events. Safe for concurrent use. It opens
// connections when it first needs them, and reads replies only after the first
// request.
type Client struct {
	cfg   Config
	emit  events.Sink
	watch *brokerwatch.Watch
	kafka *kgo.Client
	out   *outbox.Outbox
	calls *pending.Table
	inbox *inbox.Inbox

	seats  pending.Seats
	topics *known.Topics
}

// NewClient returns a client that has not yet touched the network. Its error
// names all wrong settings.
func NewClient(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	c := &Client{cfg: cfg, emit: cfg.sink(), calls: pending.NewTable(cfg.MaxPending)}
	c.watch = brokerwatch.New(cfg.Brokers, cfg.Security, c.emit)
	connection := cfg.connection(wire.ClientPostfix, c.watch)
	kafka, err := kgo.NewClient(slices.Concat(connection, cfg.producing(),
		[]kgo.Opt{kgo.RecordPartitioner(partitioner.New())}, cfg.Kafka)...)
	if err != nil {
		return nil, fmt.Errorf("siskin: make the Kafka client: %w", err)
	}
	c.kafka, c.out = kafka, outbox.New(kafka)
	admin := kadm.NewClient(kafka)
	keeper := topics.Keeper{
		Admin: admin, Policy: topics.Policy(cfg.Topics), Emit: c.emit, Refused: c.watch.Refused,
		Topics: joint.New(admin.ListTopics).Ask,
	}
	c.topics = known.New(kafka, func(ctx context.Context, topic string) error {
		return keeper.Ensure(ctx, []topics.Spec{cfg.spec(topic, security.Write)})
	}, c.replyTopic)
	c.inbox = inbox.New(inbox.Config{
		Options: slices.Concat(connection, cfg.Kafka),
		Admin:   admin,
		Ensure: func(ctx context.Context, topic string) error {
			return keeper.Ensure(ctx, []topics.Spec{cfg.replySpec(topic)})
		},
		Deliver: c.deliver,
		Lost:    func(r *inbox.Route, err error) int { return c.calls.FailRoute(r, err) },
		Emit:    c.emit,
	})
	return c, nil
}

// Ready prepares everything that the first use of the contracts needs: topics,
// and for an RPC the route for its replies. Without it, their first calls do.
func (c *Client) Ready(ctx context.Context, contracts ...Contract) error {
	errs := make([]error, len(contracts))
	var all sync.WaitGroup
	for i, contract := range contracts {
		all.Go(func() {
			if err := c.prepare(ctx, contract); err != nil {
				errs[i] = fmt.Errorf("siskin: prepare %q: %w", contract.Pattern(), c.closedError(err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (c *Client) prepare(ctx context.Context, contract Contract) error {
	if _, ok := contract.(interface{ request() }); !ok {
		return c.topics.Check(ctx, contract.Pattern())
	}
	_, err := c.open(ctx, contract.Pattern(), c.replyTopic(contract.Pattern()))
	return err
}

// open makes sure of a request topic and of the route for its replies, both at
// once.
func (c *Client) open(ctx context.Context, pattern, replyTopic string) (*inbox.Route, error) {
	c.inbox.Start(replyTopic)
	if err := c.topics.Check(ctx, pattern); err != nil {
		return nil, err
	}
	return c.inbox.Route(ctx, replyTopic)
}

// Close fails all pending calls with ErrClosed at once, then waits until ctx
// ends for the broker to confirm what was emitted. Later calls fail with
// ErrClosed. It may be called more than once.
func (c *Client) Close(ctx context.Context) error {
	c.calls.Close(ErrClosed)
	c.out.Drain()
	err := c.kafka.Flush(ctx)
	c.topics.Close()
	c.inbox.Close()
	c.kafka.Close()
	c.topics.Wait()
	if err != nil {
		return fmt.Errorf("siskin: close the client: not everything that was sent is confirmed: %w", err)
	}
	return nil
}

// Send sends req to the topic pattern and waits for the first reply. It sends
// the request once: a call that fails with ErrNoReply or ErrUnavailable may
// have been handled. The error is a *CallError.
func Send[Res any](ctx context.Context, client *Client, pattern string, req any, opts ...CallOption) (Res, error) {
	var res Res
	err := client.send(ctx, pattern, req, &res, opts)
	return res, err
}

// Stream sends req to the topic pattern and returns its replies as they come.
// The sequence can be used once. Leaving the loop ends the call here; the
// service is not told. An error is always last, and the value beside it is
// nothing. The deadline of Config.Timeout holds for the first reply only;
// between replies Config.StreamIdle does. End ctx to bound the whole.
func Stream[Res any](
	ctx context.Context, client *Client, pattern string, req any, opts ...CallOption,
) iter.Seq2[Res, error] {
	return func(yield func(Res, error) bool) {
		var res Res
		err := client.stream(ctx, pattern, req, opts, func(value []byte) (bool, error) {
			res = *new(Res)
			if err := codec.Decode(client.cfg.Codec, value, &res); err != nil {
				return false, err
			}
			return yield(res, nil), nil
		})
		if err != nil {
			yield(*new(Res), err)
		}
	}
}

func (c *Client) send(ctx context.Context, pattern string, req, into any, opts []CallOption) error {
	o := c.options(opts)
	wait := c.waiting(ctx, o.timeout)
	defer c.seats.Leave(wait.Seat)
	call, err := c.begin(wait, pattern, req, o, wait.Replies)
	if err != nil {
		return c.callError(pattern, "", err)
	}
	defer call.end()
	select {
	case r := <-call.Replies():
		if err = r.Err; err == nil {
			err = codec.Decode(c.cfg.Codec, r.Value, into)
		}
	case <-wait.Timer.C:
		err = call.timedOut(context.DeadlineExceeded)
	case <-ctx.Done():
		err = call.timedOut(ctx.Err())
	}
	if err != nil {
		return c.callError(pattern, call.id(), err)
	}
	return nil
}

// waiting is the time that a call has: until its context or its timeout ends.
// It is a timer beside the context and not a context of its own, which would
// cost a call several allocations.
type waiting struct {
	*pending.Seat
	ctx      context.Context
	began    time.Time
	deadline time.Time
}

func (c *Client) waiting(ctx context.Context, timeout time.Duration) waiting {
	now := time.Now()
	w := waiting{ctx: ctx, began: now, deadline: now.Add(timeout), Seat: c.seats.Take(timeout)}
	if outer, ok := ctx.Deadline(); ok && outer.Before(w.deadline) {
		w.deadline = outer
	}
	return w
}

// context is the waiting time as a context, for the few calls that must wait for
// something before they can be sent.
func (w waiting) context() (context.Context, context.CancelFunc) {
	return context.WithDeadline(w.ctx, w.deadline)
}

// stream calls each with every value until the end, an error, or false.
func (c *Client) stream(
	ctx context.Context, pattern string, req any, opts []CallOption, each func([]byte) (bool, error),
) error {
	o := c.options(opts)
	first := c.waiting(ctx, o.timeout)
	defer c.seats.Leave(first.Seat)
	call, err := c.begin(first, pattern, req, o, pending.NewReplies(c.cfg.StreamBuffer))
	if err != nil {
		return c.callError(pattern, "", err)
	}
	defer call.end()
	if err := call.read(first, c.cfg.StreamIdle, each); err != nil {
		return c.callError(pattern, call.id(), err)
	}
	return nil
}

// outgoing is a pending call with its record and what must be given back at its
// end, in one allocation.
type outgoing struct {
	pending.Call
	c             *Client
	correlationID []byte
	route         *inbox.Route
	ticket        partitioner.Ticket
	record        kgo.Record
	headers       [4]Header // room for those of the dialect
}

func (o *outgoing) id() string { return string(o.correlationID) }

// begin sends the request and returns its call. The time that is left goes along
// with the request.
func (c *Client) begin(
	w waiting, pattern string, req any, o callOptions, replies chan pending.Reply,
) (*outgoing, error) {
	value, err := codec.Encode(c.cfg.Codec, req)
	if err != nil {
		return nil, Errorf(CodeInvalid, "%w", err)
	}
	route, err := c.prepared(w, pattern)
	if err != nil {
		return nil, err
	}
	call := &outgoing{c: c, route: route, record: o.record(pattern, value)}
	call.ticket.Obey = o.partition != dialect.NoPartition
	call.Init(replies, route)
	if call.correlationID, err = c.calls.Add(&call.Call); err != nil {
		return nil, err
	}
	now, rec := time.Now(), &call.record
	if rec.Timestamp.IsZero() {
		rec.Timestamp = now // or the Kafka client would ask for the time as well
	}
	rec.Headers = traced(w.ctx, append(call.headers[:0], rec.Headers...))
	c.cfg.Dialect.WriteRequest(rec, dialect.Request{
		CorrelationID: call.correlationID, ReplyTopic: route.Topic, ReplyPartition: route.Partition,
		Timeout: w.deadline.Sub(now),
	})
	// Never blocks, and never has the caller's context: its end would fail the
	// neighbours in the batch.
	rec.Context = &call.ticket
	c.out.Produce(rec, call.sent)
	return call, nil
}

// prepared returns the route for the replies to pattern. Only the first call of
// a pattern has to wait for anything.
func (c *Client) prepared(w waiting, pattern string) (*inbox.Route, error) {
	if topic, ok := c.topics.Reply(pattern); ok {
		if route := c.inbox.Ready(topic); route != nil {
			return route, nil
		}
	}
	if err := wire.CheckTopic(pattern); err != nil {
		return nil, err
	}
	ctx, cancel := w.context()
	defer cancel()
	return c.open(ctx, pattern, c.replyTopic(pattern))
}

// sent is called when the broker has stored the request, or never will.
func (o *outgoing) sent(rec *kgo.Record, err error) {
	if err == nil {
		o.Acked.Store(true)
		return
	}
	o.c.topics.Failed(rec.Topic, err)
	o.c.calls.Fail(&o.Call, o.c.produceError(rec.Topic, err))
}

func (o *outgoing) end() {
	o.c.calls.Remove(&o.Call)
	o.ticket.Release()
}

// timedOut says why a call got no reply before its time ended with cause.
func (o *outgoing) timedOut(cause error) error {
	if !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if !o.Acked.Load() {
		return o.c.unavailable(cause)
	}
	o.c.inbox.TimedOut(o.route)
	return fmt.Errorf("%w (%w)", ErrNoReply, cause)
}

// read passes replies to each. The end of a stream can come with the last value
// or alone, without a value; alone behind nothing it is an empty stream.
func (o *outgoing) read(first waiting, idle time.Duration, each func([]byte) (bool, error)) error {
	for n := 0; ; n++ {
		r, err := o.next(first, n > 0, idle)
		if err != nil {
			return err
		}
		o.Took(r)
		if r.Err != nil {
			return r.Err
		}
		if !r.Last || r.Value != nil {
			if more, err := each(r.Value); err != nil || !more {
				return err
			}
		}
		if r.Last {
			return nil
		}
	}
}

// next waits for a reply: for the first one until the call's time is over, for a later
// one no longer than idle.
func (o *outgoing) next(first waiting, later bool, idle time.Duration) (pending.Reply, error) {
	if err := first.ctx.Err(); err != nil {
		return pending.Reply{}, o.timedOut(err)
	}
	select {
	case r := <-o.Replies(): // of a fast stream the next one is there, and no timer needs to be set
		return r, nil
	default:
	}
	if later {
		first.Timer.Reset(idle)
	}
	select {
	case r := <-o.Replies():
		return r, nil
	case <-first.ctx.Done():
		return pending.Reply{}, o.timedOut(first.ctx.Err())
	case <-first.Timer.C:
		if later {
			return pending.Reply{}, ErrStreamIdle
		}
		return pending.Reply{}, o.timedOut(context.DeadlineExceeded)
	}
}

// deliver takes each record that arrives on one of this client's routes.
func (c *Client) deliver(rec *kgo.Record) {
	r, ok := c.cfg.Dialect.ReadReply(rec)
	if !ok {
		return
	}
	incoming := pending.Reply{Value: rec.Value, Last: r.Last}
	if r.Fault != nil {
		incoming.Err = remoteError(r.Fault)
	}
	if call := c.calls.Deliver(r.CorrelationID, incoming); call != nil {
		call.Route.(*inbox.Route).Answered()
	}
}

func (c *Client) replyTopic(pattern string) string {
	if c.cfg.ReplyTopic != "" {
		return c.cfg.ReplyTopic
	}
	return c.cfg.Dialect.ReplyTopic(pattern)
}
