package intake

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/status"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrFenced says that another process uses this member's instance id.
var ErrFenced = errors.New("another process has joined the consumer group with this instance id; " +
	"give each process an InstanceID of its own")

// membership is what is known of this member's place in its group.
type membership struct {
	joined  bool
	before  bool  // joined now or earlier
	failure error // of the group, since it was last joined
}

func (in *Intake) note(change func(*membership)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	change(&in.member)
}

// groupHook is told when the Kafka client has lost its place in the group.
type groupHook struct{ in *Intake }

// OnGroupManageError ends a member that another process has fenced: it would
// join again, fence the other, and so on for ever. It also ends one that has no
// right to the group, if it never had. It runs before the client tries again.
func (h groupHook) OnGroupManageError(err error) {
	err = security.OnGroup(h.in.cfg.Group, err)
	before := false
	h.in.note(func(m *membership) { m.joined, m.failure, before = false, err, m.before })
	switch {
	case errors.Is(err, kerr.FencedInstanceID):
		h.in.fence(ErrFenced)
	case errors.Is(err, security.ErrAuthorization) && !before:
		h.in.fence(err)
	}
}

// Info returns the state of the member. Safe for concurrent use.
func (in *Intake) Info() status.Service {
	in.mu.Lock()
	defer in.mu.Unlock()
	info := status.Service{
		Group: in.cfg.Group, InstanceID: in.cfg.InstanceID,
		State: in.state(), Failure: in.member.failure, Running: in.places.Used(),
		Unread: slices.Clone(in.differ.Unread),
	}
	for _, p := range in.partitions {
		info.Partitions = append(info.Partitions, p.info())
	}
	slices.SortFunc(info.Partitions, func(a, b status.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return info
}

func (in *Intake) state() status.State {
	switch {
	case in.ended:
		return status.Ended
	case in.stopping:
		return status.Stopping
	case in.member.joined:
		return status.Joined
	case in.member.failure != nil:
		return status.Outside
	}
	return status.Starting
}

func (p *partition) info() status.Partition {
	size := p.marks.Size()
	position, _, _ := p.marks.Position()
	info := status.Partition{
		Topic: p.key.topic, Partition: p.key.partition, Position: position, Committed: p.marks.LastCommit(),
		Waiting: p.lane.Held(), Unfinished: size.Unfinished, Span: size.Span, Oldest: -1,
		Bytes: size.Bytes, Skipped: p.skipped.Load(), Stuck: p.stuck.Load(), Paused: p.state.Load() == paused,
	}
	if offset, since, ok := p.marks.Oldest(); ok {
		info.Oldest, info.Age = offset, time.Since(since)
	}
	return info
}

// watchLoop tells about records that hold up their partition's watermark.
func (in *Intake) watchLoop(stop <-chan struct{}) {
	ticker := time.NewTicker(max(in.cfg.StuckAfter/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			for _, p := range in.all() {
				p.look()
				if p.retries {
					p.twin.remind()
				}
			}
		}
	}
}

func (in *Intake) all() []*partition {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Collect(maps.Values(in.partitions))
}

// held is since when a partition's watermark has stood at one record.
type held struct {
	offset int64
	since  time.Time
}

// look compares the oldest unfinished record with the one of the last look.
func (p *partition) look() {
	offset, _, ok := p.marks.Oldest()
	if p.retries {
		offset, _, ok = p.twin.oldest() // what waits for its time is not stuck
	}
	if !ok || offset != p.held.offset || p.held.since.IsZero() {
		p.held = held{offset, time.Now()}
		p.stuck.Store(false)
	}
	age := time.Since(p.held.since)
	if !ok || age < p.in.cfg.StuckAfter || p.stuck.Swap(true) {
		return
	}
	p.in.cfg.Emit(events.RecordStuck{
		Position: events.Position{Topic: p.key.topic, Partition: p.key.partition, Offset: offset},
		Age:      age, Paused: p.state.Load() == paused, Unfinished: p.marks.Size().Unfinished,
	})
}
