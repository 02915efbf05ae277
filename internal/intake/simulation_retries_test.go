//go:build synctests

package intake_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// retrying is where the records of a run wait that have failed.
type retrying string

const (
	inPlace retrying = "in place"
	loose   retrying = "in retry topics"
	ordered retrying = "in retry topics, in order"
)

const retrySuffix = "-retry"

func retryTopic(source string) string { return source + retrySuffix }

func sourceOf(topic string) (source string, ok bool) { return strings.CutSuffix(topic, retrySuffix) }

func (s script) retryTopics() map[string]int32 {
	topics := make(map[string]int32)
	for name, partitions := range s.topics {
		if s.settings.retries != inPlace {
			topics[retryTopic(name)] = partitions
		}
	}
	return topics
}

// drawRetries draws whether there are retry topics. In some runs they are full soon.
func (s *settings) drawRetries(rng *rand.Rand) {
	s.retries = pick(rng, inPlace, loose, ordered)
	if s.retries == inPlace {
		return
	}
	s.failing = pick(rng, 10, 30, 70)
	if rng.IntN(2) == 0 {
		s.uncommittedLimit = 1 + rng.IntN(12)
	}
	switch {
	case s.retries == ordered:
		s.order = byKey
	case s.order == byPartition: // refused when a handler is registered
		s.order = pick(rng, byKey, noOrder)
	}
}

// newProducer makes the client that writes copies, with the network of its actor.
func (a *actor) newProducer(p *play) *kgo.Client {
	client, err := kgo.NewClient(
		kgo.SeedBrokers("127.0.0.1:9092"), kgo.ClientID(a.name), kgo.DisableClientMetrics(), kgo.Dialer(a.link.dial),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.RecordPartitioner(partitioner.New()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordDeliveryTimeout(30*time.Second),
	)
	if err != nil {
		p.t.Fatal(err)
	}
	return client
}

// retries is what the engine needs for retry topics. What is stored is written down
// before the engine knows of it.
func (a *actor) retries() *intake.Retries {
	out := retry.NewPublisher(a.copies, func(context.Context, string) error { return nil })
	return &intake.Retries{
		Topic: func(source string) (intake.RetryTopic, bool) {
			return intake.RetryTopic{Name: retryTopic(source), KeepOrder: a.script.settings.retries == ordered}, true
		},
		Ensure: func(context.Context, string) error { return nil },
		Store: func(ctx context.Context, copied *kgo.Record, of events.Position) error {
			place := place{of.Topic, of.Partition}
			a.ledger.writesCopy(a.name, place, copied)
			err := out.Store(ctx, copied, of.Topic, func(error) {})
			if err == nil {
				a.ledger.stores(a.name, ctx, copied)
			}
			return err
		},
	}
}

// pollsRetries reports whether the engine's client for retry topics calls: its hooks are
// those of the other one.
func pollsRetries() bool {
	callers := make([]uintptr, 16)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "(*retries).poll") {
			return true
		}
		if !more {
			return false
		}
	}
}

// failuresOf is how often a record fails before it succeeds.
func failuresOf(seed uint64, percent int, p place, offset int64) int {
	rng := rand.New(rand.NewPCG(seed, hash("fails", p.topic, p.partition, offset)))
	if rng.IntN(100) >= percent {
		return 0
	}
	return 1 + rng.IntN(4)
}

// delayOf is how long a record waits before an attempt.
func delayOf(seed uint64, p place, offset int64, attempt int) time.Duration {
	rng := rand.New(rand.NewPCG(seed, hash("waits", p.topic, p.partition, offset, attempt)))
	if rng.IntN(3) == 0 {
		return 0
	}
	return between(rng, 0, 2*time.Second)
}

var errFails = errors.New("it fails")

// fails makes a record wait that fails, in its retry topic or in place. It reports
// true when this was the end of its delivery.
func (h *worker) fails(ctx context.Context, d *delivery, item intake.Item) bool {
	p, offset := placeOf(item.Record), item.Record.Offset
	most := failuresOf(h.seed, h.settings.failing, p, offset)
	if len(h.ledger.broken()) > 0 {
		most = 0 // one whose attempts are forgotten would fail for ever
	}
	for next := item.Attempt() + 1; next <= most+1; next++ {
		delay := delayOf(h.seed, p, offset, next)
		h.ledger.moves(d)
		err := item.Later(retry.Note{Attempt: next, Due: time.Now().Add(delay), Cause: errFails})
		switch {
		case err == nil:
			return true
		case !errors.Is(err, retry.ErrInPlace):
			item.Leave()
			return true
		}
		h.ledger.stays(d)
		if !h.rests(ctx, d, item, delay) {
			item.Leave()
			return true
		}
	}
	return false
}
