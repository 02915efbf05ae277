package raw

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// callTimeout is the deadline of a call.
const callTimeout = 30 * time.Second

// client sends requests and reads its replies from one partition, without a
// group, from the offset that was the end before the first request.
type client struct {
	kafka     *kgo.Client
	at        side.Target
	patterns  []string // that are called in turn
	partition []byte   // decimal text, as the header wants it
	prefix    string   // of this client's correlation ids
	text      []byte   // what is sent, in the operations Echo, Relay and Events
	replies   int      // to one call, at most
	calls     atomic.Uint64
	receiving sync.WaitGroup

	mu      sync.Mutex
	pending map[string]chan outcome
}

// outcome is a reply, or what became of it.
type outcome struct {
	value []byte
	last  bool
	err   error
}

func dial(ctx context.Context, at side.Target) (*client, error) {
	kafka, err := newClient(at, at.Options()...)
	if err != nil {
		return nil, fmt.Errorf("raw client: %w", err)
	}
	end, err := replyRoute(ctx, kafka, at.ReplyTopic())
	if err != nil {
		kafka.Close()
		return nil, fmt.Errorf("raw client: %w", err)
	}
	c := &client{
		kafka:     kafka,
		at:        at,
		patterns:  at.Called(),
		text:      bytes.Repeat([]byte("x"), at.Size),
		replies:   1,
		partition: strconv.AppendInt(nil, int64(end.Partition), 10),
		prefix:    rand.Text() + "-",
		pending:   make(map[string]chan outcome),
	}
	if at.Op == side.Stream {
		c.replies = side.StreamLength
	}
	kafka.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		end.Topic: {end.Partition: kgo.NewOffset().At(end.Offset)},
	})
	c.receiving.Go(c.receiveLoop)
	return c, nil
}

// replyRoute picks a partition of the reply topic and finds its end. The end
// must be a number known before the first request: "the end" would be looked
// up when a reply may already be there.
func replyRoute(ctx context.Context, kafka *kgo.Client, topic string) (kadm.ListedOffset, error) {
	ends, err := kadm.NewClient(kafka).ListEndOffsets(ctx, topic)
	if err != nil {
		return kadm.ListedOffset{}, fmt.Errorf("reply topic %q: %w", topic, err)
	}
	for _, end := range ends[topic] { // in random order, which is the choice we want
		if end.Err == nil {
			return end, nil
		}
		err = end.Err
	}
	return kadm.ListedOffset{}, fmt.Errorf("reply topic %q: no partition: %w", topic, err)
}

// receiveLoop hands replies to their calls until the client is closed.
func (c *client) receiveLoop() {
	for {
		fetches := c.kafka.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		if err := fetchError(fetches); err != nil {
			c.failAll(err)
			return
		}
		fetches.EachRecord(func(r *kgo.Record) {
			c.deliver(string(header(r, correlationID)), r)
		})
	}
}

// Call does what the target asks for.
func (c *client) Call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	switch c.at.Op {
	case side.Echo, side.Relay:
		return c.call(ctx, c.text, func(value []byte) error { return right(bytes.Equal(value, c.text), value[:min(len(value), 20)]) })
	case side.Stream:
		return c.stream(ctx)
	case side.Events:
		return c.kafka.ProduceSync(ctx, &kgo.Record{Topic: c.at.Pattern, Value: c.text}).FirstErr()
	default:
		return c.sum(ctx)
	}
}

// sum asks for the sum of 1, 2 and 3.
func (c *client) sum(ctx context.Context) error {
	value, err := json.Marshal([]float64{1, 2, 3})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return c.call(ctx, value, checkSum)
}

// stream asks for the numbers from 1 on.
func (c *client) stream(ctx context.Context) error {
	value, err := json.Marshal(side.StreamLength)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	last := 0
	err = c.call(ctx, value, func(value []byte) error {
		var n int
		if err := json.Unmarshal(value, &n); err != nil {
			return fmt.Errorf("decode reply: %w", err)
		}
		last++
		return right(n == last, value)
	})
	return errors.Join(err, right(err != nil || last == side.StreamLength, strconv.AppendInt(nil, int64(last), 10)))
}

// call sends a request and checks its replies until the last one.
func (c *client) call(ctx context.Context, value []byte, check func([]byte) error) error {
	n := c.calls.Add(1)
	id := c.prefix + strconv.FormatUint(n, 36)
	replies := c.await(id)
	c.send(c.patterns[n%uint64(len(c.patterns))], id, value)
	for {
		select {
		case out := <-replies:
			if out.err != nil {
				return out.err
			}
			if err := check(out.value); err != nil || out.last {
				return err
			}
		case <-ctx.Done():
			c.finish(id, outcome{})
			return ctx.Err()
		}
	}
}

// send produces a request. The call's context stays out of it: cancelling one
// record would fail the others of its batch.
func (c *client) send(pattern, id string, value []byte) {
	request := &kgo.Record{
		Topic: pattern,
		Value: value,
		Headers: []kgo.RecordHeader{
			{Key: correlationID, Value: []byte(id)},
			{Key: replyTopic, Value: []byte(c.at.ReplyTopic())},
			{Key: replyPartition, Value: c.partition},
		},
	}
	c.kafka.Produce(context.Background(), request, func(_ *kgo.Record, err error) {
		if err != nil {
			c.finish(id, outcome{err: err})
		}
	})
}

func (c *client) await(id string) <-chan outcome {
	replies := make(chan outcome, c.replies+1) // and an error
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[id] = replies
	return replies
}

// deliver hands a reply to its call, if that is one of ours and still waits.
// A stream ends with its last reply.
func (c *client) deliver(id string, r *kgo.Record) {
	last := c.at.Op != side.Stream || slices.ContainsFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == lastReply })
	out := outcome{value: r.Value, last: last}
	if last {
		c.finish(id, out)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if replies, ok := c.pending[id]; ok {
		offer(replies, out)
	}
}

// finish ends a call, if it is one of ours and still waits.
func (c *client) finish(id string, out outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if replies, ok := c.pending[id]; ok {
		delete(c.pending, id)
		offer(replies, out)
	}
}

// offer never waits: a call has room for all replies that it asks for, and fails
// when there are more, for then one of them is missing.
func offer(replies chan<- outcome, out outcome) {
	select {
	case replies <- out:
	default:
	}
}

func (c *client) failAll(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, replies := range c.pending {
		delete(c.pending, id)
		offer(replies, outcome{err: err})
	}
}

func checkSum(value []byte) error {
	var sum float64
	if err := json.Unmarshal(value, &sum); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	return right(sum == 6, value)
}

func right(ok bool, got []byte) error {
	if !ok {
		return fmt.Errorf("wrong reply: %q", got)
	}
	return nil
}

// Close gives up the connections.
func (c *client) Close() error {
	c.kafka.Close()
	c.receiving.Wait()
	return nil
}
