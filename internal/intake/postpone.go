package intake

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// While the leader of a partition moves, nobody can say where its log ends. The Kafka
// client would begin at the end that it finds later, and tell nobody: the group would
// have no commit there before the first record. So the partition waits until its bounds
// are known, and then begins as any other.

// postpone makes a partition without a commit wait for its bounds. It returns an offset
// for the client, which does not read it meanwhile.
func (in *Intake) postpone(p *partition, committed int64) kgo.Offset {
	if !p.postponed.Swap(true) {
		p.pause()
		in.tasks.Go(func() { in.placeLater(p, committed) })
	}
	return kgo.NewOffset().At(0)
}

func (in *Intake) placeLater(p *partition, committed int64) {
	ticker := time.NewTicker(startsLook)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-p.ctx.Done():
			return
		}
		if at := in.look(p, committed); at >= 0 {
			in.gate.pass(func() { in.begin(p, at) })
			return
		}
	}
}

// look returns where a postponed partition begins, or a negative offset when nobody can
// say. One looks at a time: many partitions can have lost the same leader.
func (in *Intake) look(p *partition, committed int64) int64 {
	select {
	case in.lookTurn <- struct{}{}:
		defer func() { <-in.lookTurn }()
	case <-p.ctx.Done():
		return -1
	}
	logs, err := in.starts.logs(p.ctx, map[string]map[int32]kgo.Offset{p.key.topic: nil})
	if err != nil {
		return -1
	}
	return in.starts.offset(logs, p.key.topic, p.key.partition, committed)
}

// begin makes a postponed partition begin. No new generation of it begins meanwhile.
func (in *Intake) begin(p *partition, at int64) {
	if in.find(p.key) != p {
		return
	}
	in.starts.remember(p.key, at)
	p.marks.Start(at, false)
	p.place(at)
	in.set(p.key, at)
	p.postponed.Store(false)
	p.relax()
	in.uncommitted.Store(true)
	in.wakeCommits()
}

// placed reports whether each partition has begun somewhere.
func (in *Intake) placed() bool {
	for _, p := range in.all() {
		if p.postponed.Load() {
			return false
		}
	}
	return true
}
