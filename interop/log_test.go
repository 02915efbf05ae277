package interop_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// written returns the raw records that do adds to topic, which must exist. The
// records must be stored when do returns.
func (n *nest) written(t *testing.T, topic string, do func()) []*kgo.Record {
	t.Helper()
	from := n.ends(t, topic)
	do()
	return n.read(t, from, n.ends(t, topic))
}

func (n *nest) ends(t *testing.T, topics ...string) kadm.ListedOffsets {
	t.Helper()
	ends, err := n.admin(t).ListEndOffsets(n.ctx(t), topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// read returns the records between two lists of offsets, partition by
// partition.
func (n *nest) read(t *testing.T, from, to kadm.ListedOffsets) (records []*kgo.Record) {
	t.Helper()
	starts := make(map[string]map[int32]kgo.Offset)
	missing := int64(0)
	to.Each(func(end kadm.ListedOffset) {
		start, _ := from.Lookup(end.Topic, end.Partition)
		if start.Offset == end.Offset {
			return
		}
		if starts[end.Topic] == nil {
			starts[end.Topic] = make(map[int32]kgo.Offset)
		}
		starts[end.Topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		missing += end.Offset - start.Offset
	})
	if missing == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(n.cfg.Brokers...), kgo.ConsumePartitions(starts))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := n.ctx(t)
	for int64(len(records)) < missing {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records read: %v", len(records), missing, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// all returns every record of the topics of this run.
func (n *nest) all(t *testing.T) []*kgo.Record {
	t.Helper()
	admin := n.admin(t)
	topics, err := admin.ListTopics(n.ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(topics, func(name string, _ kadm.TopicDetail) bool { return !n.owns(name) })
	from, err := admin.ListStartOffsets(n.ctx(t), slices.Collect(maps.Keys(topics))...)
	if err != nil {
		t.Fatal(err)
	}
	return n.read(t, from, n.ends(t, topics.Names()...))
}
