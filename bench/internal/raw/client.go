package raw

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
	partition []byte // decimal text, as the header wants it
	prefix    string // of this client's correlation ids
	calls     atomic.Uint64
	receiving sync.WaitGroup

	mu      sync.Mutex
	pending map[string]chan<- outcome
}

// outcome ends a call.
type outcome struct {
	value []byte
	err   error
}

func dial(ctx context.Context, at side.Target) (*client, error) {
	kafka, err := newClient(at)
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
		partition: strconv.AppendInt(nil, int64(end.Partition), 10),
		prefix:    rand.Text() + "-",
		pending:   make(map[string]chan<- outcome),
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
			c.finish(string(header(r, correlationID)), outcome{value: r.Value})
		})
	}
}

// Call asks for the sum of 1, 2 and 3.
func (c *client) Call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := json.Marshal([]float64{1, 2, 3})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	id := c.prefix + strconv.FormatUint(c.calls.Add(1), 36)
	done := c.await(id)
	c.send(id, value)
	select {
	case out := <-done:
		return check(out)
	case <-ctx.Done():
		c.finish(id, outcome{})
		return ctx.Err()
	}
}

// send produces a request. The call's context stays out of it: cancelling one
// record would fail the others of its batch.
func (c *client) send(id string, value []byte) {
	request := &kgo.Record{
		Topic: c.at.Pattern,
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
	done := make(chan outcome, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[id] = done
	return done
}

// finish ends a call, if it is one of ours and still waits.
func (c *client) finish(id string, out outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.pending[id]; ok {
		delete(c.pending, id)
		done <- out
	}
}

func (c *client) failAll(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, done := range c.pending {
		delete(c.pending, id)
		done <- outcome{err: err}
	}
}

// check decodes a reply and compares it with what it must be.
func check(out outcome) error {
	if out.err != nil {
		return out.err
	}
	var sum float64
	if err := json.Unmarshal(out.value, &sum); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	if sum != 6 {
		return errors.New("wrong sum: " + string(out.value))
	}
	return nil
}

// Close gives up the connections.
func (c *client) Close() error {
	c.kafka.Close()
	c.receiving.Wait()
	return nil
}
