package intake

import (
	"context"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The Kafka client calls assigned, revoked and lost one at a time. Polling goes
// on meanwhile, and so do heartbeats: a record of a partition that is not in the
// map is left to its next owner.
//
// The client joins the group while New still makes it, so the first callbacks
// wait for New.

func (in *Intake) assigned(ctx context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-in.built
	in.note(func(m *membership) { m.joined, m.before, m.failure = true, true, nil })
	in.shed()
	in.starts.learn(ctx, in.cfg.Topics)
	if in.cfg.NestJS {
		in.tasks.Go(in.compareTopics)
	}
	if len(topics) == 0 && in.cfg.NextGen && in.outside() {
		in.tasks.Go(in.awaitShare)
		return
	}
	if len(topics) == 0 {
		in.joined() // the others own everything, or nothing is new
		return
	}
	var twins map[string][]*twin
	in.gate.pass(func() {
		twins = in.open(topics)
	})
	in.cfg.Emit(events.PartitionsAssigned{Group: in.cfg.Group, Partitions: topics})
	for source, twins := range twins {
		in.tasks.Go(func() { in.later.begin(source, twins) })
	}
}

// shed loses what an earlier membership has left. The group can throw a silent
// member out and let it join again as another one; the Kafka client then keeps
// what it is assigned again, as if nobody else had had it in between. The topics
// are forgotten and read anew, from where the group is.
func (in *Intake) shed() {
	stale := in.stale()
	if len(stale) == 0 {
		return
	}
	in.lost(context.Background(), in.client, stale)
	in.mu.Lock()
	for topic := range stale {
		in.again = append(in.again, topic)
	}
	in.mu.Unlock()
	in.gate.pass(func() {}) // the poll loop reads them anew
}

// stale are the partitions of an earlier membership.
func (in *Intake) stale() map[string][]int32 {
	id, _ := in.client.GroupMetadata()
	stale := make(map[string][]int32)
	for _, p := range in.all() {
		if p.member != id && !p.retries { // a retry partition goes with its source
			stale[p.key.topic] = append(stale[p.key.topic], p.key.partition)
		}
	}
	return stale
}

// open begins a generation of partitions. It returns their twins, by source topic.
func (in *Intake) open(topics map[string][]int32) map[string][]*twin {
	twins := make(map[string][]*twin)
	in.mu.Lock()
	defer in.mu.Unlock()
	for topic, numbers := range topics {
		for _, n := range numbers {
			if k := (key{topic, n}); in.partitions[k] == nil && !in.stopping {
				// The client keeps a pause over rebalances, and whoever paused the
				// partition in an earlier generation is gone. One that is here already
				// may be assigned once more, and stays paused.
				in.client.ResumeFetchPartitions(map[string][]int32{topic: {n}})
				p := in.newPartition(k)
				in.partitions[k] = p
				if t := in.addTwin(p); t != nil {
					twins[topic] = append(twins[topic], t)
				}
			}
		}
	}
	return twins
}

// addTwin gives a new partition its retry partition, where its topic has a retry topic.
// The caller holds Intake.mu.
func (in *Intake) addTwin(p *partition) *twin {
	if in.later == nil {
		return nil
	}
	topic, ok := in.cfg.Retries.Topic(p.key.topic)
	if !ok {
		return nil
	}
	t := in.pair(p, topic)
	in.partitions[t.key] = t.partition
	return t
}

// revoked lets the handlers finish, then commits, then lets go. The next owner
// starts where this one stopped.
func (in *Intake) revoked(ctx context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-in.built
	in.shed()
	parts := in.leave(topics)
	if len(parts) == 0 {
		return
	}
	in.stopAll(parts)
	_ = in.Commit(ctx) // a failure was told about; the next owner repeats what is not committed
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
		p.lose()
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
	return in.pick(topics)
}

// leave is known for partitions that are being given up.
func (in *Intake) leave(topics map[string][]int32) []*partition {
	in.mu.Lock()
	defer in.mu.Unlock()
	parts := in.pick(topics)
	for _, p := range parts {
		p.leaving = true
	}
	return parts
}

func (in *Intake) pick(topics map[string][]int32) []*partition {
	var parts []*partition
	for topic, numbers := range topics {
		for _, n := range numbers {
			p := in.partitions[key{topic, n}]
			if p == nil {
				continue
			}
			parts = append(parts, p)
			if p.twin != nil && !p.retries {
				parts = append(parts, p.twin.partition)
			}
		}
	}
	return parts
}

// forget is the end of a generation: what comes of it now no longer counts.
func (in *Intake) forget(parts []*partition) {
	for _, p := range parts {
		p.end()
	}
	if in.later != nil {
		in.later.forget(parts)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range parts {
		if in.partitions[p.key] == p {
			delete(in.partitions, p.key)
		}
	}
}
