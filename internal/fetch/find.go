package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Search is for the batch that stops a partition.
type Search struct {
	Client    *kgo.Client
	Topic     string
	Partition int32
	// At is the offset behind what was read last.
	At int64
	// Cause is what the client said. See Damaged.
	Cause error
	// Emit is told when the partition cannot be looked at, and why.
	Emit events.Sink
}

const (
	searchPause   = time.Second     // between two attempts
	searchTimeout = 5 * time.Second // for one of them
)

// Find returns the batch. It tries until the broker answers or ctx ends; then, and
// when the partition can be read after all, it reports false.
func (s Search) Find(ctx context.Context) (Batch, bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for told := ""; ; {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return Batch{}, false
		}
		batch, err := s.once(ctx)
		if err == nil {
			return batch, true
		}
		if ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			s.Emit(events.FetchFailed{Topic: s.Topic, Partition: s.Partition, Err: fmt.Errorf("%w; %w", s.Cause, err)})
		}
		if errors.Is(err, ErrReadable) {
			return Batch{}, false
		}
		timer.Reset(searchPause)
	}
}

func (s Search) once(ctx context.Context) (Batch, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	if large, ok := errors.AsType[*kgo.ErrDecompressTooLarge](s.Cause); ok {
		return tooLarge(ctx, s.Client, large)
	}
	return Unreadable(ctx, s.Client, s.Topic, s.Partition, s.At)
}

// Skipped is the event for a batch of a partition that was passed over.
func (b Batch) Skipped(topic string, partition int32) events.RecordsSkipped {
	return events.RecordsSkipped{
		Position: events.Position{Topic: topic, Partition: partition, Offset: b.First},
		Next:     b.Next, Bytes: len(b.Raw), Err: b.Err, Stored: b.Stored,
	}
}
