// Package publish stores records that must not be lost, one attempt at a time.
package publish

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Publisher stores records. Its client must have the partitioner of Siskin. Safe for
// concurrent use.
type Publisher struct {
	client *kgo.Client
	there  sync.Map // topics that exist
}

// New returns a publisher that sends with client.
func New(client *kgo.Client) *Publisher { return &Publisher{client: client} }

// Store makes one attempt to store rec, and returns nil when the broker has it. ensure
// sees to it that the topic exists; it is asked only when that is not known.
func (p *Publisher) Store(ctx context.Context, rec *kgo.Record, ensure func(context.Context) error) error {
	topic := rec.Topic
	if _, ok := p.there.Load(topic); !ok {
		if err := ensure(ctx); err != nil {
			return err
		}
		p.there.Store(topic, true)
	}
	stored := make(chan error, 1)
	// Not with ctx: its end would fail the neighbours in the batch.
	p.client.TryProduce(context.Background(), rec, func(_ *kgo.Record, err error) { stored <- err })
	select {
	case err := <-stored:
		if err != nil {
			p.there.Delete(topic) // it may have been deleted
			p.client.ForceMetadataRefresh()
		}
		if errors.Is(err, kerr.UnknownTopicID) ||
			errors.Is(err, kerr.UnknownTopicOrPartition) && len(topics.Lacking(ctx, p.client, rec.Partition, topic)) > 0 {
			// It was made anew, perhaps with fewer partitions. The client finds the
			// new one only after it has forgotten the old one.
			p.client.PurgeTopicsFromProducing(topic)
		}
		return security.OnTopic(security.Write, topic, err)
	case <-ctx.Done():
		return ctx.Err() // it may still be stored, and then once more
	}
}

// Again waits before the next attempt: a fifth of a second at first, and twice as long
// each time, up to five. It returns the error of ctx when that ends first.
func Again(ctx context.Context, failures int) error {
	timer := time.NewTimer(min(firstDelay<<min(failures, 10), longestDelay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	firstDelay   = 200 * time.Millisecond
	longestDelay = 5 * time.Second
)

// TooLarge reports whether err says that a record can never be stored as it is.
func TooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}
