// Package deadletter stores records that cannot be handled, with what is known
// about why, so that nothing is lost and a person can look at them.
package deadletter

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/internal/publish"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Publisher stores dead letters. Safe for concurrent use.
type Publisher struct {
	out    *publish.Publisher
	group  string
	ensure func(context.Context, Topics) error
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
	return &Publisher{out: publish.New(client), group: group, ensure: ensure}
}

// Topic is where the dead letters of topic go.
func Topic(topic string) string { return topic + wire.DeadLetterSuffix }

// Failure is why a record is a dead letter.
type Failure struct {
	Cause error
	// Handler is the name of the handler that could not handle it, or empty when none
	// has tried.
	Handler string
	// Attempts is how often it has tried.
	Attempts int
}

// Publish stores one dead letter and returns nil when the broker has it. Until
// ctx ends it tries again, and tells failing about each failure: a dead letter
// that is given up would be a lost record.
func (p *Publisher) Publish(ctx context.Context, rec *kgo.Record, f Failure, failing func(error)) error {
	_, err := p.publish(ctx, letter{rec: rec, Failure: f}, failing)
	return err
}

// Offer is Publish for a record that can do without: it does not wait for what only
// a person can mend, such as a topic that is not there, or a right. Its error wraps
// ErrRefused then.
func (p *Publisher) Offer(ctx context.Context, rec *kgo.Record, cause error, failing func(error)) error {
	_, err := p.publish(ctx, letter{rec: rec, Failure: Failure{Cause: cause}, optional: true}, failing)
	return err
}

// ErrRefused is the end of an optional letter that waiting cannot help.
var ErrRefused = errors.New("not stored as a dead letter")

// publish returns the stored record, which says where it is.
func (p *Publisher) publish(ctx context.Context, l letter, failing func(error)) (*kgo.Record, error) {
	for failures := 0; ; failures++ {
		rec := l.record(p.group)
		err := p.out.Store(ctx, rec, func(ctx context.Context) error {
			return p.ensure(ctx, Topics{Letters: rec.Topic, Source: l.rec.Topic, Optional: l.optional})
		})
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
		if publish.TooLarge(err) {
			l.detail = min(l.detail+1, pointer)
		}
		if publish.Again(ctx, failures) != nil {
			return nil, fmt.Errorf("dead letter to %s not stored: %w", rec.Topic, err)
		}
	}
}
