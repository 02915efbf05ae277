package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// tidyTimeout bounds the removal of topics and groups after a run.
const tidyTimeout = 30 * time.Second

// topics makes and removes the topics of runs.
type topics struct {
	brokers    []string
	partitions int
	delay      time.Duration
	kafka      *kgo.Client
	admin      *kadm.Client
}

func newTopics(brokers []string, partitions int, delay time.Duration) (*topics, error) {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	return &topics{brokers: brokers, partitions: partitions, delay: delay, kafka: kafka, admin: kadm.NewClient(kafka)}, nil
}

func (t *topics) close() { t.kafka.Close() }

func targetOf(brokers []string, pattern string, delay time.Duration) side.Target {
	return side.Target{Brokers: brokers, Pattern: pattern, Delay: delay}
}

// make creates the topics of a pattern, with the broker's own replication.
func (t *topics) make(ctx context.Context, pattern string) (side.Target, error) {
	at := targetOf(t.brokers, pattern, t.delay)
	made, err := t.admin.CreateTopics(ctx, int32(t.partitions), -1, nil, at.Pattern, at.ReplyTopic())
	if err = errors.Join(err, made.Error()); err != nil {
		return at, fmt.Errorf("create topics of %s: %w", pattern, err)
	}
	return at, t.settle(ctx, at)
}

// settle waits until every partition has a leader that answers.
func (t *topics) settle(ctx context.Context, at side.Target) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		ends, err := t.admin.ListEndOffsets(ctx, at.Pattern, at.ReplyTopic())
		if err == nil && ends.Error() == nil {
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("topics of %s have no leader: %w", at.Pattern, errors.Join(ctx.Err(), err, ends.Error()))
		}
	}
}

// remove deletes the topics and the group of a pattern, also after a failed run.
func (t *topics) remove(at side.Target) error {
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	gone, err := t.admin.DeleteTopics(ctx, at.Pattern, at.ReplyTopic())
	_, errGroup := t.admin.DeleteGroup(ctx, at.Group())
	if errors.Is(errGroup, kerr.GroupIDNotFound) {
		errGroup = nil
	}
	if err := errors.Join(err, gone.Error(), errGroup); err != nil {
		return fmt.Errorf("remove topics of %s: %w", at.Pattern, err)
	}
	return nil
}
