// Package raw is the yardstick: request–reply and events as a Go engineer who
// knows franz-go would write them by hand, with the guarantees of package side
// and nothing else. It has no middleware, no retries, no metrics.
package raw

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// Headers of the wire, those of NestJS.
const (
	correlationID  = "kafka_correlationId"
	replyTopic     = "kafka_replyTopic"
	replyPartition = "kafka_replyPartition" // decimal text
	lastReply      = "kafka_nestIsDisposed" // of a stream
)

// Side is the hand-written franz-go loop.
type Side struct{}

// Serve starts a server.
func (Side) Serve(_ context.Context, at side.Target) (side.Server, error) { return serve(at) }

// Dial makes a client whose reply route is ready.
func (Side) Dial(ctx context.Context, at side.Target) (side.Client, error) { return dial(ctx, at) }

// newClient makes a kgo client with the settings of both ends.
//
// Acks from all replicas and the idempotent producer are kgo's defaults.
//
// The linger is off, against kgo's default of 10 ms: a call pays it twice (46
// calls a second with one in flight, against 2,500). Under load records gather
// by themselves while the request before them is on its way. A linger of
// 200 µs is better at 512 in flight (by a fifth to a third) and far worse at
// one (a seventh: timers are not that fine), so it is no default.
//
// Compression is off: snappy, kgo's default, is nothing that a kafkajs peer can
// read, and there is nothing to gain on 100 bytes.
func newClient(at side.Target, opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(at.Brokers...),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
}

// header is the value of a record's header, or nil.
func header(r *kgo.Record, key string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return nil
}

// fetchError is the first error of a poll that is not the end of the polling.
func fetchError(fetches kgo.Fetches) error {
	var first error
	fetches.EachError(func(topic string, partition int32, err error) {
		if first == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
			first = fmt.Errorf("fetch %s/%d: %w", topic, partition, err)
		}
	})
	return first
}
