package redrive

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/internal/letter"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// targets knows the topics to which letters go back.
type targets struct {
	admin *kadm.Client
	known map[string]int // partitions, 0 for a topic that is not there
}

func newTargets(admin *kadm.Client) *targets { return &targets{admin, make(map[string]int)} }

// partitions is 0 for a topic that is not there. It makes none.
func (t *targets) partitions(ctx context.Context, topic string) (int, error) {
	if n, ok := t.known[topic]; ok {
		return n, nil
	}
	found, err := t.admin.ListTopics(ctx, topic)
	if err == nil && found.Has(topic) {
		err = found[topic].Err
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return 0, fmt.Errorf("ask for the topic %q: %w", topic, security.OnTopic(security.Write, topic, err))
	}
	t.known[topic] = len(found[topic].Partitions)
	return t.known[topic], nil
}

// place gives r the partition that it had, if the topic has it. Otherwise its key
// decides, as in Kafka; without one, letters that were together stay together.
func place(r *kgo.Record, of letter.Letter, partitions int) {
	switch {
	case 0 <= r.Partition && int(r.Partition) < partitions:
	case r.Key != nil:
		r.Partition = int32(byKey.ForTopic(r.Topic).Partition(r, partitions))
	default:
		r.Partition = of.Record.Partition % int32(partitions)
	}
}

var byKey = kgo.StickyKeyPartitioner(nil) // murmur2
