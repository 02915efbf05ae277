package topics

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Lacking returns those of the named topics that do not have the partition, as a
// broker says now; none when it does not answer.
//
// It is asked before a producer is made to forget a topic. One that has forgotten a
// topic begins there at sequence number 0 again, under its old id; where the log is
// still the same, the broker takes its next batches for some that it has, and
// confirms them without storing them.
func Lacking(ctx context.Context, client *kgo.Client, partition int32, names ...string) []string {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := kadm.NewClient(client).ListTopics(ctx, names...)
	if err != nil {
		return nil
	}
	var lacking []string
	for _, name := range names {
		t, ok := found[name]
		_, there := t.Partitions[partition]
		if ok && (errors.Is(t.Err, kerr.UnknownTopicOrPartition) || t.Err == nil && !there) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

const askTimeout = 5 * time.Second
