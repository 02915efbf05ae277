package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// PublishBatch is Publish for a record batch that cannot be read: the value of its
// one letter is the batch as it was fetched. It notes in b where that is, and
// reports false when ctx ended before the broker had it.
//
// With optional it does not wait for what only a person can mend: a topic that is
// not there, or a right. b.Err then has the reason, and b.Stored no topic.
func (p *Publisher) PublishBatch(
	ctx context.Context, topic string, partition int32, b *fetch.Batch, optional bool, failing func(error),
) bool {
	cause := fmt.Errorf("a record batch of %d offsets cannot be read: %w", b.Next-b.First, b.Err)
	stored, err := p.publish(ctx, letter{rec: standIn(topic, partition, b), Failure: Failure{Cause: cause}, optional: optional}, failing)
	switch {
	case err == nil:
		b.Stored = events.Position{Topic: stored.Topic, Partition: stored.Partition, Offset: stored.Offset}
	case errors.Is(err, ErrRefused):
		b.Err = errors.Join(b.Err, err)
	default:
		return false
	}
	return true
}

// standIn is one record in the place of a batch.
func standIn(topic string, partition int32, b *fetch.Batch) *kgo.Record {
	content := wire.DeadBatch
	if b.Raw == nil {
		content = wire.DeadPointer // it is no longer there
	}
	written, kind := b.Written()
	return &kgo.Record{
		Topic: topic, Partition: partition, Offset: b.First, Value: b.Raw,
		Timestamp: written, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{TimestampType: kind}),
		Headers: []kgo.RecordHeader{
			{Key: wire.DeadContent, Value: []byte(content)},
			{Key: wire.DeadCount, Value: strconv.AppendInt(nil, b.Next-b.First, 10)},
		},
	}
}
