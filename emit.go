package siskin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/pending"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Message is one event of a batch, or the result of a request handler that sets a
// key or headers of its reply, with WithKey and WithHeader. The other options
// change no reply: its caller says where it goes.
type Message struct {
	Value   any
	Options []CallOption
}

// Beside returns the key and the headers that the options set.
func (m Message) Beside() (key []byte, headers []Header) {
	o := callOptions{}.with(m.Options)
	return o.key, o.headers
}

// encode makes a reply of what a handler gave.
func (s *Service) encode(v any) (m reply.Message, err error) {
	if with, ok := v.(Message); ok {
		v = with.Value
		m.Key, m.Headers = with.Beside()
	}
	m.Value, err = codec.Encode(s.cfg.Codec, v)
	return m, err
}

// Emit sends v to topic as an event and waits until the broker has stored it.
// With an error that is ErrUnavailable the event may still be stored.
func (c *Client) Emit(ctx context.Context, topic string, v any, opts ...CallOption) (RecordMetadata, error) {
	var one struct { // in one allocation
		emission
		metas  [1]RecordMetadata
		events [1]event
	}
	one.emission = emission{c: c, topic: topic, metas: one.metas[:], events: one.events[:]}
	o := c.options(opts)
	metas, err := one.run(ctx, o.timeout, func(now time.Time) { one.send(ctx, 0, v, o, now) })
	return metas[0], err
}

// EmitBatch sends several events and waits until the broker has stored all of
// them or refused some. The result has a place for each message; the Offset of
// one that is not stored is -1. The error joins what went wrong, with the place
// of each. An empty batch sends nothing. The timeout is that of the first message.
func (c *Client) EmitBatch(ctx context.Context, topic string, messages []Message) ([]RecordMetadata, error) {
	n := len(messages)
	if n == 0 {
		return nil, nil
	}
	b := emission{c: c, topic: topic, metas: make([]RecordMetadata, n), events: make([]event, n)}
	return b.run(ctx, c.options(messages[0].Options).timeout, func(now time.Time) {
		for i, m := range messages {
			b.send(ctx, i, m.Value, c.options(m.Options), now)
		}
	})
}

// emission is events on their way to the broker.
type emission struct {
	c      *Client
	topic  string
	events []event

	mu    sync.Mutex
	metas []RecordMetadata // of each event
	errs  []error
	left  int                  // events that have not landed
	done  chan<- pending.Reply // gets one when nothing is left
}

// event is one of them.
type event struct {
	of     *emission
	place  int
	record kgo.Record
}

// run sends the events and waits for them.
func (b *emission) run(ctx context.Context, timeout time.Duration, send func(now time.Time)) ([]RecordMetadata, error) {
	w := b.c.waiting(ctx, timeout)
	b.left, b.done = len(b.events), w.Replies
	for i := range b.metas {
		b.metas[i] = RecordMetadata{Topic: b.topic, Partition: -1, Offset: -1}
	}
	if err := b.check(w); err != nil {
		b.c.seats.Leave(w.Seat)
		return b.metas, fmt.Errorf("siskin: emit to %q: %w", b.topic, b.c.closedError(err))
	}
	send(w.began)
	metas, err := b.wait(w)
	if err != nil {
		return metas, fmt.Errorf("siskin: emit to %q: %w", b.topic, err)
	}
	return metas, nil
}

// check makes sure of the topic. Only the first event of a topic has to wait for it.
func (b *emission) check(w waiting) error {
	if b.c.topics.Found(b.topic) {
		return nil
	}
	if err := wire.CheckTopic(b.topic); err != nil {
		return err
	}
	ctx, cancel := w.context()
	defer cancel()
	return b.c.topics.Check(ctx, b.topic)
}

func (b *emission) send(ctx context.Context, i int, v any, o callOptions, now time.Time) {
	value, err := codec.Encode(b.c.cfg.Codec, v)
	if err != nil {
		b.landed(i, nil, err)
		return
	}
	e := &b.events[i]
	*e = event{of: b, place: i, record: o.record(b.topic, value)}
	rec := &e.record
	if rec.Timestamp.IsZero() {
		rec.Timestamp = now // or the Kafka client would ask for the time again
	}
	rec.Headers = traced(ctx, rec.Headers)
	rec.Context = context.Background() // not ctx: its end would fail the neighbours in the batch
	if o.partition != dialect.NoPartition {
		rec.Context = partitioner.Obey
	}
	b.c.out.Produce(rec, e.landed)
}

func (e *event) landed(rec *kgo.Record, err error) { e.of.landed(e.place, rec, err) }

func (b *emission) landed(i int, rec *kgo.Record, err error) {
	b.c.topics.Failed(b.topic, err)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		err = b.c.produceError(b.topic, err)
		if len(b.metas) > 1 {
			err = fmt.Errorf("message %d: %w", i, err)
		}
		b.errs = append(b.errs, err)
	} else {
		b.metas[i] = RecordMetadata{
			Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp,
		}
	}
	if b.left--; b.left == 0 {
		b.done <- pending.Reply{} // it has room
	}
}

// wait returns when all records have landed, or the time is over.
func (b *emission) wait(w waiting) ([]RecordMetadata, error) {
	var cause error
	select {
	case <-w.Replies:
		b.c.seats.Leave(w.Seat)
		return b.metas, errors.Join(b.errs...)
	case <-w.Timer.C:
		cause = b.c.unavailable(context.DeadlineExceeded)
	case <-w.ctx.Done():
		if cause = w.ctx.Err(); errors.Is(cause, context.DeadlineExceeded) {
			cause = b.c.unavailable(cause)
		}
	}
	w.Timer.Stop() // the seat is lost: what lands later writes to it
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.metas), cause // records may still land
}
