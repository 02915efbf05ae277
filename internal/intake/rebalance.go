package intake

import (
	"context"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The Kafka client calls assigned, revoked and lost one at a time. Polling goes
// on meanwhile: a record of a partition that is not in the map is left to its
// next owner.
//
// The client joins the group while New still makes it, so the first callbacks
// wait for New.

func (in *Intake) assigned(ctx context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-in.built
	in.starts.learn(ctx, in.cfg.Topics)
	if len(topics) == 0 {
		in.cfg.Joined() // the others own everything
		return
	}
	in.mu.Lock()
	for topic, numbers := range topics {
		for _, n := range numbers {
			k := key{topic, n}
			if in.partitions[k] == nil && !in.stopping {
				in.partitions[k] = in.newPartition(k)
			}
		}
	}
	in.mu.Unlock()
	// The client keeps a pause over rebalances, and whoever paused a partition
	// in an earlier generation is gone.
	in.client.ResumeFetchPartitions(topics)
	in.cfg.Emit(events.PartitionsAssigned{Group: in.cfg.Group, Partitions: topics})
}

// revoked lets the handlers finish, then commits, then lets go. The next owner
// starts where this one stopped.
func (in *Intake) revoked(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	parts := in.known(topics)
	if len(parts) == 0 {
		return
	}
	stopAll(parts, in.cfg.Drain)
	in.commitNow()
	in.forget(parts)
	in.cfg.Emit(events.PartitionsRevoked{Group: in.cfg.Group, Partitions: topics})
}

// lost means that another member may already own the partitions: handlers are
// cancelled and their outcomes no longer count.
func (in *Intake) lost(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	parts := in.known(topics)
	if len(parts) == 0 {
		return
	}
	for _, p := range parts {
		p.lane.Stop()
		p.cancel()
	}
	in.forget(parts)
	in.cfg.Emit(events.PartitionsRevoked{Group: in.cfg.Group, Partitions: topics, Lost: true})
}

// owned are this member's partitions of one topic.
func (in *Intake) owned(topic string) map[string][]int32 {
	in.mu.Lock()
	defer in.mu.Unlock()
	var numbers []int32
	for k := range in.partitions {
		if k.topic == topic {
			numbers = append(numbers, k.partition)
		}
	}
	return map[string][]int32{topic: numbers}
}

func (in *Intake) known(topics map[string][]int32) []*partition {
	in.mu.Lock()
	defer in.mu.Unlock()
	var parts []*partition
	for topic, numbers := range topics {
		for _, n := range numbers {
			if p := in.partitions[key{topic, n}]; p != nil {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

func (in *Intake) forget(parts []*partition) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range parts {
		delete(in.partitions, p.key)
	}
}
