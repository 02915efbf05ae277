package rounds

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// tidyTimeout bounds the removal of topics and groups after a run.
const tidyTimeout = 30 * time.Second

// topics makes, fills and removes the topics of runs.
type topics struct {
	kafka *kgo.Client
	admin *kadm.Client
}

func newTopics(brokers []string) (*topics, error) {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	return &topics{kafka: kafka, admin: kadm.NewClient(kafka)}, nil
}

func (t *topics) close() { t.kafka.Close() }

// create makes the topics of a target, with the broker's own replication.
func (t *topics) create(ctx context.Context, at side.Target) error {
	configs := keep(at.KeepBytes)
	made, err := t.admin.CreateTopics(ctx, int32(at.Partitions), -1, configs, at.Requests()...)
	errs := []error{err, made.Error()}
	partitions := cmp.Or(at.ReplyPartitions, at.Partitions)
	made, err = t.admin.CreateTopics(ctx, int32(partitions), -1, configs, at.Replies()...)
	if err = errors.Join(append(errs, err, made.Error())...); err != nil {
		return fmt.Errorf("create topics of %s: %w", at.Pattern, err)
	}
	return t.settle(ctx, at)
}

// keep are the settings of topics that keep about so many bytes of a partition.
func keep(size int) map[string]*string {
	if size == 0 {
		return nil
	}
	return map[string]*string{
		"retention.bytes": kadm.StringPtr(strconv.Itoa(size)),
		"segment.bytes":   kadm.StringPtr(strconv.Itoa(size / 4)),
	}
}

// all are the topics of a target.
func all(at side.Target) []string { return append(at.Requests(), at.Replies()...) }

// settle waits until every partition has a leader that answers.
func (t *topics) settle(ctx context.Context, at side.Target) error {
	err := poll(ctx, func() error {
		ends, err := t.admin.ListEndOffsets(ctx, all(at)...)
		return errors.Join(err, ends.Error())
	})
	if err != nil {
		return fmt.Errorf("topics of %s have no leader: %w", at.Pattern, err)
	}
	return nil
}

// wait waits until the calls that wait have sent their requests.
func (t *topics) wait(ctx context.Context, at side.Target) error {
	if at.Waiting == 0 {
		return nil
	}
	return poll(ctx, func() error {
		ends, err := t.admin.ListEndOffsets(ctx, at.Silent())
		if err = errors.Join(err, ends.Error()); err != nil {
			return err
		}
		var stored int64
		ends.Each(func(o kadm.ListedOffset) { stored += o.Offset })
		if stored < int64(at.Waiting) {
			return fmt.Errorf("%d of %d calls that wait have sent their request", stored, at.Waiting)
		}
		return nil
	})
}

// poll asks again until there is no error, and returns the last one when ctx
// ends before that.
func poll(ctx context.Context, ask func() error) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// fill stores events.
func (t *topics) fill(ctx context.Context, at side.Target, count uint64) error {
	first := kgo.AbortingFirstErrPromise(t.kafka)
	value := bytes.Repeat([]byte("x"), at.Size)
	if at.Op == side.Orders {
		value = side.OrderText(at.Size)
	}
	for range count {
		t.kafka.Produce(ctx, &kgo.Record{Topic: at.Pattern, Value: value}, first.Promise())
	}
	if err := first.Err(); err != nil {
		return fmt.Errorf("store events: %w", err)
	}
	return nil
}

// committed is how many records a target's group has committed.
func (t *topics) committed(ctx context.Context, at side.Target) (uint64, error) {
	offsets, err := t.admin.FetchOffsets(ctx, at.Group())
	if err != nil {
		return 0, fmt.Errorf("offsets of %s: %w", at.Group(), err)
	}
	var sum int64
	offsets.Each(func(o kadm.OffsetResponse) { sum += max(o.At, 0) })
	return uint64(sum), nil
}

// remove deletes the topics and the groups of a target, also after a failed run.
func (t *topics) remove(at side.Target) error {
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	gone, err := t.admin.DeleteTopics(ctx, all(at)...)
	errs := []error{err, gone.Error()}
	for _, group := range []string{at.Group(), at.Pattern + "-client"} {
		_, err := t.admin.DeleteGroup(ctx, group)
		if !errors.Is(err, kerr.GroupIDNotFound) && !errors.Is(err, kerr.NonEmptyGroup) { // a killed member is in its group for a while
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove topics of %s: %w", at.Pattern, err)
	}
	return nil
}
