// Package testtopics makes the topics of tests.
package testtopics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Create makes topics with the broker's default of replicas and returns when their
// leaders take requests. Apache Kafka answers when a topic is decided on: a moment
// later its brokers know of it, and until then it does not exist for anybody.
func Create(ctx context.Context, admin *kadm.Client, partitions int32, configs map[string]*string, names ...string) error {
	made, err := admin.CreateTopics(ctx, partitions, -1, configs, names...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		return fmt.Errorf("create topics %q: %w", names, err)
	}
	return Await(ctx, admin, partitions, names...)
}

// Await returns when the leaders of all partitions take requests.
func Await(ctx context.Context, admin *kadm.Client, partitions int32, names ...string) error {
	tick := time.NewTicker(20 * time.Millisecond) // nobody is told when a leader is ready
	defer tick.Stop()
	for {
		err := ready(ctx, admin, partitions, names)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func ready(ctx context.Context, admin *kadm.Client, partitions int32, names []string) error {
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("ends of topics %q: %w", names, err)
	}
	for _, name := range names {
		if n := len(ends[name]); n != int(partitions) {
			return fmt.Errorf("topic %s: it has %d partitions, not %d", name, n, partitions)
		}
	}
	return nil
}
