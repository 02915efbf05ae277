// Package deadletter stores records that cannot be handled, with what is known
// about why, so that nothing is lost and a person can look at them.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Publisher stores dead letters. Safe for concurrent use.
type Publisher struct {
	client *kgo.Client
	group  string
	ensure func(context.Context, Topics) error
	there  sync.Map // topics that exist
}

// Topics are a dead-letter topic and the one that its letters come from.
type Topics struct {
	Letters, Source string
	// Optional is true when the records of the source can do without: then nobody
	// waits for somebody to make the topic.
	Optional bool
}

// NewPublisher returns a publisher for the dead letters of a consumer group. Its
// client must have the partitioner of Siskin. ensure sees to it that a dead-letter
// topic exists.
func NewPublisher(client *kgo.Client, group string, ensure func(context.Context, Topics) error) *Publisher {
	return &Publisher{client: client, group: group, ensure: ensure}
}

// Topic is where the dead letters of topic go.
func Topic(topic string) string { return topic + wire.DeadLetterSuffix }

// Publish stores one dead letter and returns nil when the broker has it. Until
// ctx ends it tries again, and tells failing about each failure: a dead letter
// that is given up would be a lost record.
func (p *Publisher) Publish(ctx context.Context, rec *kgo.Record, cause error, failing func(error)) error {
	_, err := p.publish(ctx, letter{rec: rec, cause: cause}, failing)
	return err
}

// Offer is Publish for a record that can do without: it does not wait for what only
// a person can mend, such as a topic that is not there, or a right. Its error wraps
// ErrRefused then.
func (p *Publisher) Offer(ctx context.Context, rec *kgo.Record, cause error, failing func(error)) error {
	_, err := p.publish(ctx, letter{rec: rec, cause: cause, optional: true}, failing)
	return err
}

// ErrRefused is the end of an optional letter that waiting cannot help.
var ErrRefused = errors.New("not stored as a dead letter")

// publish returns the stored record, which says where it is.
func (p *Publisher) publish(ctx context.Context, l letter, failing func(error)) (*kgo.Record, error) {
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		rec := l.record(p.group)
		err := p.store(ctx, rec, l)
		if err == nil {
			return rec, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dead letter to %s not stored: %w", rec.Topic, err)
		}
		if l.optional && topics.Final(err) {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		failing(err)
		if errors.Is(err, kgo.ErrClientClosed) {
			return nil, err
		}
		if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
			l.detail = min(l.detail+1, pointer)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, fmt.Errorf("dead letter to %s not stored: %w", rec.Topic, err)
		}
	}
}

func (p *Publisher) store(ctx context.Context, rec *kgo.Record, l letter) error {
	topic := rec.Topic
	if _, ok := p.there.Load(topic); !ok {
		if err := p.ensure(ctx, Topics{Letters: topic, Source: l.rec.Topic, Optional: l.optional}); err != nil {
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

const (
	firstDelay   = 200 * time.Millisecond
	longestDelay = 5 * time.Second
)
