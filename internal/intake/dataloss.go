package intake

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A log can lose its end: a broker that was behind has become the leader, or a
// record had an offset that the log does not reach. The Kafka client then goes back,
// and the records that come look like repeats of those before.
//
// It also goes back when it could not find out. Then the partition goes on where it
// was: what would come are repeats, and batches that were skipped before.

// rewind begins a new generation of a partition whose log has become shorter than
// what was read. The caller holds the gate.
func (in *Intake) rewind(loss *kgo.ErrDataLoss) {
	p := in.find(key{loss.Topic, loss.Partition})
	if p == nil || p.next() <= loss.ResetTo || p.mending.Swap(true) {
		return
	}
	next, epoch := p.next(), p.epoch
	in.tasks.Go(func() {
		defer p.mending.Store(false)
		shorter, known := p.shortened(next, epoch)
		switch {
		case shorter && p.twin != nil:
			in.restart(p) // with what waits in its retry topic
		case shorter:
			in.regenerate(p, loss)
		case known:
			in.resume(p)
		}
	})
}

// resume makes the client go on behind what was read.
func (in *Intake) resume(p *partition) {
	in.gate.pass(func() {
		if in.find(p.key) == p && !p.closed.Load() {
			in.set(p.key, p.next())
		}
	})
}

// set makes the client read a partition from an offset on. The caller holds the gate,
// so that no new generation begins meanwhile.
func (in *Intake) set(k key, offset int64) {
	var to positions
	to.add(k, offset)
	in.client.SetOffsets(to)
}

// positions are where the client is to read on.
type positions map[string]map[int32]kgo.EpochOffset

func (to *positions) add(k key, offset int64) {
	if *to == nil {
		*to = make(positions)
	}
	if (*to)[k.topic] == nil {
		(*to)[k.topic] = make(map[int32]kgo.EpochOffset)
	}
	(*to)[k.topic][k.partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
}

// shortened reports whether the log does not have any more what was read up to an
// offset, the last of it in an epoch. It asks until the broker answers; known is
// false when the partition is given up before.
func (p *partition) shortened(next int64, epoch int32) (shorter, known bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			return false, false
		}
		if end, err := p.in.agreed(p.ctx, p.key, epoch); err == nil {
			return end < next, true
		}
		timer.Reset(time.Second)
	}
}

// agreed is the end of what a log has of an epoch and of those before it, or its
// whole end where the broker knows nothing of the epoch.
func (in *Intake) agreed(ctx context.Context, k key, epoch int32) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	admin := kadm.NewClient(in.client)
	if epoch >= 0 {
		var ask kadm.OffsetForLeaderEpochRequest
		ask.Add(k.topic, k.partition, epoch)
		told, err := admin.OffsetForLeaderEpoch(ctx, ask)
		if err != nil {
			return 0, err
		}
		if e := told[k.topic][k.partition]; e.Err != nil || e.EndOffset >= 0 {
			return e.EndOffset, e.Err
		}
	}
	ends, err := admin.ListEndOffsets(ctx, k.topic)
	if err != nil {
		return 0, err
	}
	end, ok := ends.Lookup(k.topic, k.partition)
	if !ok {
		return 0, kerr.UnknownTopicOrPartition
	}
	return end.Offset, end.Err
}

// regenerate makes a partition begin anew where the client has gone back to. What
// comes of the old generation no longer counts: its records are not there any more.
func (in *Intake) regenerate(p *partition, loss *kgo.ErrDataLoss) {
	replaced := false
	in.gate.pass(func() {
		if replaced = in.replace(p, loss.ResetTo); !replaced {
			return
		}
		p.lose()
		in.client.ResumeFetchPartitions(map[string][]int32{p.key.topic: {p.key.partition}})
		in.set(p.key, loss.ResetTo) // the client has gone on since
	})
	if !replaced {
		return
	}
	in.wakeCommits()
	in.cfg.Emit(events.OffsetsLost{
		Group:    in.cfg.Group,
		Position: events.Position{Topic: p.key.topic, Partition: p.key.partition, Offset: loss.ConsumedTo},
		Nearest:  loss.ResetTo,
	})
}

// replace puts a new generation that starts at an offset in the place of an old one,
// unless that is being given up.
func (in *Intake) replace(old *partition, at int64) bool {
	next := in.newPartition(old.key)
	next.marks.Start(at, false) // to be committed, although it is a step back
	next.start.Store(at)
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
