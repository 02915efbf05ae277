package intake

import (
	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A log can lose its end: a broker that was behind has become the leader, or a
// record had an offset that the log does not reach. The Kafka client then goes back,
// and the records that come look like repeats of those before.

// rewind begins a new generation of a partition whose log has become shorter than
// what was read. Handlers of the old one end: their records are no longer there. The
// caller holds the gate.
func (in *Intake) rewind(loss *kgo.ErrDataLoss) {
	k := key{loss.Topic, loss.Partition}
	p := in.find(k)
	if p == nil {
		return
	}
	in.cfg.Emit(events.OffsetsLost{
		Group:    in.cfg.Group,
		Position: events.Position{Topic: k.topic, Partition: k.partition, Offset: loss.ConsumedTo},
		Nearest:  loss.ResetTo,
	})
	if p.next() <= loss.ResetTo || !in.replace(p, loss.ResetTo) {
		return
	}
	p.lose()
	in.client.ResumeFetchPartitions(map[string][]int32{k.topic: {k.partition}})
	// Also when the client has gone back already and records have come since.
	in.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{k.topic: {k.partition: {Epoch: -1, Offset: loss.ResetTo}}})
	in.wakeCommits()
}

// replace puts a new generation that starts at an offset in the place of an old one,
// unless that is being given up.
func (in *Intake) replace(old *partition, at int64) bool {
	next := in.newPartition(old.key)
	next.marks.Start(at, false) // to be committed, although it is a step back
	in.mu.Lock()
	replaced := in.partitions[old.key] == old && !old.leaving && !in.stopping
	if replaced {
		in.partitions[old.key] = next
	}
	in.mu.Unlock()
	if !replaced {
		next.lose()
	}
	return replaced
}
