package siskin

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/partitioner"
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
	metas, err := c.EmitBatch(ctx, topic, []Message{{Value: v, Options: opts}})
	return metas[0], err
}

// EmitBatch sends several events and waits until the broker has stored all of
// them or refused some. The result has a place for each message; the Offset of
// one that is not stored is -1. The error joins what went wrong, with the place
// of each. An empty batch sends nothing. The timeout is that of the first message.
func (c *Client) EmitBatch(ctx context.Context, topic string, messages []Message) ([]RecordMetadata, error) {
	timeout := c.cfg.Timeout
	if len(messages) > 0 {
		timeout = c.options(messages[0].Options).timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	b := newEmission(c, topic, len(messages))
	if err := b.check(ctx); err != nil {
		return b.metas, fmt.Errorf("siskin: emit to %q: %w", topic, c.closedError(err))
	}
	for i, m := range messages {
		b.send(ctx, i, m)
	}
	if err := b.wait(ctx); err != nil {
		return b.results(), fmt.Errorf("siskin: emit to %q: %w", topic, err)
	}
	return b.results(), nil
}

// emission is events on their way to the broker.
type emission struct {
	c     *Client
	topic string

	mu    sync.Mutex
	metas []RecordMetadata
	errs  []error
	left  int
	done  chan struct{} // closed when nothing is left
}

func newEmission(c *Client, topic string, n int) *emission {
	b := &emission{c: c, topic: topic, metas: make([]RecordMetadata, n), left: n, done: make(chan struct{})}
	for i := range b.metas {
		b.metas[i] = RecordMetadata{Topic: topic, Partition: -1, Offset: -1}
	}
	if n == 0 {
		close(b.done)
	}
	return b
}

func (b *emission) check(ctx context.Context) error {
	if err := wire.CheckTopic(b.topic); err != nil {
		return err
	}
	return b.c.topics.Check(ctx, b.topic)
}

func (b *emission) send(ctx context.Context, i int, m Message) {
	value, err := b.c.cfg.Codec.Encode(m.Value)
	if err != nil {
		b.landed(i, nil, err)
		return
	}
	o := b.c.options(m.Options)
	rec := o.record(b.topic, value)
	rec.Headers = traced(ctx, rec.Headers)
	fate := context.Background() // not ctx: its end would fail the neighbours in the batch
	if o.partition != dialect.NoPartition {
		fate = partitioner.Obey
	}
	b.c.kafka.TryProduce(fate, &rec, func(rec *kgo.Record, err error) { b.landed(i, rec, err) })
}

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
		close(b.done)
	}
}

// wait returns when all records have landed, or ctx ends.
func (b *emission) wait(ctx context.Context) error {
	select {
	case <-b.done:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return b.c.unavailable(ctx.Err())
		}
		return ctx.Err()
	}
	return errors.Join(b.errs...)
}

// results is a copy, because records may still land.
func (b *emission) results() []RecordMetadata {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]RecordMetadata(nil), b.metas...)
}
