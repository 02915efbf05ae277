package dedupe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// keep stores a record, also when the topic has to be made anew first.
func (s *TopicStore) keep(ctx context.Context, key, value []byte, stored func(*kgo.Record)) error {
	for {
		began := time.Now()
		err := s.write(ctx, key, value, stored)
		if err == nil {
			return nil
		}
		if final(err) || ctx.Err() != nil {
			return security.OnTopic(security.Write, s.topic, err)
		}
		renewed := make(chan error, 1)
		go func() { renewed <- s.renew(began) }() // ends with the store, which is later than ctx
		select {
		case err := <-renewed:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("write to the topic %q: %w", s.topic, ctx.Err())
		}
	}
}

// final reports whether another attempt cannot help. What does not come from a
// broker is that the client has let go of a topic, to find it anew.
func final(err error) bool {
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrMaxBuffered) {
		return true
	}
	said, ok := errors.AsType[*kerr.Error](err)
	return ok && !errors.Is(said, kerr.UnknownTopicOrPartition) && !errors.Is(said, kerr.UnknownTopicID)
}

// write stores a record and calls stored, also when ctx has ended before: its end
// must not reach the producer, where it would fail the record's neighbours.
func (s *TopicStore) write(ctx context.Context, key, value []byte, stored func(*kgo.Record)) error {
	done := make(chan error, 1)
	rec := &kgo.Record{Topic: s.topic, Partition: 0, Key: key, Value: value}
	s.client.Produce(s.ctx, rec, func(r *kgo.Record, err error) {
		if err == nil {
			stored(r)
		}
		done <- err
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("write to the topic %q: %w", s.topic, ctx.Err())
	}
}
