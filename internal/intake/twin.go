package intake

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/publish"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A partition of a topic with a retry topic has a twin: the partition of the same
// number there. Both begin and end together, and share a queue of what waits. The
// page docs/retries.md says what must hold.

// twin is what a retry partition has beside what every partition has.
type twin struct {
	*partition // of the retry topic

	source *partition
	topic  RetryTopic
	queue  *retry.Queue

	token string // of its marker

	begun chan struct{} // closed when start is known
	start int64         // where the source is read from, or -1
	once  sync.Once

	at  int64          // where it is read from
	was retry.Position // what the last commit says

	reminded time.Time // when the position was last committed anew; only the watch loop touches it

	found  chan struct{} // closed when it is known whether there is such a partition
	absent bool          // there is none: what fails is tried again in place; behind found

	reads      bool   // it is being read; whoever holds the gate touches it
	told       string // why it could not be read; only the poll loop touches it
	confirming bool   // the first commit is under way; only the poll loop touches it

	ready atomic.Bool // the source may be served

	wakeMu  sync.Mutex
	timer   *time.Timer
	running map[*kgo.Record]running // what the lane has; under wakeMu
	moving  atomic.Bool
}

// running is an entry that its lane has, since when.
type running struct {
	entry retry.Entry
	since time.Time
}

// pair gives a new source partition its twin.
func (in *Intake) pair(p *partition, topic RetryTopic) *twin {
	token := rand.Text()
	_, places := in.lanes(p.key.topic)
	t := &twin{
		source: p, topic: topic, token: token, begun: make(chan struct{}), found: make(chan struct{}),
		running: make(map[*kgo.Record]running),
	}
	t.partition = in.makePartition(key{topic.Name, p.key.partition})
	// The queue knows the order.
	t.lane = lane.Start(lane.Config{Order: lane.Nothing, Places: places, Serve: t.partition.serve, Left: t.left})
	t.queue = retry.NewQueue(retry.Config{
		Group: in.cfg.Group, Topic: p.key.topic, Partition: p.key.partition,
		KeepOrder: topic.KeepOrder, Token: token, Marks: t.marks,
		Records: t.most(), Bytes: in.cfg.QueueBytes,
	})
	t.member, t.twin, t.retries = p.member, t, true
	t.timer = time.AfterFunc(time.Hour, t.release)
	t.timer.Stop()
	p.twin = t
	if topic.KeepOrder {
		p.pause() // until it is known who waits
	} else {
		t.ready.Store(true)
	}
	return t
}

// heldBack reports whether the partition must not be read yet.
func (p *partition) heldBack() bool {
	return p.postponed.Load() || p.twin != nil && !p.retries && !p.twin.ready.Load()
}

// starts says where the source is read from.
func (t *twin) starts(at int64) {
	t.once.Do(func() {
		t.start = at
		close(t.begun)
	})
}

// turn is asked for each record of the source when it may run. It reports false when
// the record has found its end here.
func (t *twin) turn(item Item) bool {
	for {
		switch t.queue.Meet(item.Record) {
		case retry.Run:
			return true
		case retry.Skip:
			item.skip()
			t.release()
			return false
		case retry.Park:
		}
		err := item.Later(retry.Note{Attempt: 1})
		switch {
		case err == nil:
			return false
		case !errors.Is(err, retry.ErrInPlace):
			item.Leave()
			return false
		}
		// Its key is free at some moment.
		if t.source.lane.Rest(t.source.ctx, parkAgain) != nil {
			item.Leave()
			return false
		}
	}
}

// parkAgain is how long a record that waits behind others, and cannot be parked, waits
// in its lane before it asks again.
const parkAgain = 50 * time.Millisecond

// reread takes records of the retry partition. The poll loop calls it.
func (t *twin) reread(records []*kgo.Record) {
	for len(records) > 0 && records[0].Offset <= t.last {
		records = records[1:]
	}
	if len(records) == 0 || t.closed.Load() || !t.reads { // they were fetched for an earlier generation
		return
	}
	now := time.Now()
	t.last = records[len(records)-1].Offset
	first, _ := t.marks.Begin(records, now)
	for i, rec := range records {
		c := retry.Read(rec, now)
		if c.Record != nil { // whatever its headers say
			c.Record.Topic, c.Record.Partition = t.source.key.topic, t.source.key.partition
		}
		t.queue.Read(c, first+commit.Mark(i))
	}
	if !t.ready.Load() {
		t.confirm()
	}
	t.changed()
}

// confirm commits as soon as the own marker was read, and then begins: the group has
// confirmed this owner, and no earlier one can commit any more.
func (t *twin) confirm() {
	select {
	case <-t.queue.Opened():
	default:
		return
	}
	if t.confirming {
		return
	}
	t.confirming = true
	t.queue.Dirty()
	t.in.tasks.Go(func() {
		for failures := 0; ; failures++ {
			_ = t.commit(t.ctx) // a failure was told about; it can be that of another partition
			if !t.queue.IsDirty() {
				t.serves()
				return
			}
			if publish.Again(t.ctx, failures) != nil {
				return
			}
		}
	})
}

// serves lets the source be read, and what waits be run.
func (t *twin) serves() {
	if !t.ready.Swap(true) {
		t.source.relax()
		t.changed()
	}
}

// changed sees to what may follow from a change of the queue.
func (t *twin) changed() {
	t.in.wakeCommits()
	t.release()
	t.carry()
}

// release hands what may run to the lane, and comes back when the next may be due.
func (t *twin) release() {
	t.wakeMu.Lock()
	defer t.wakeMu.Unlock()
	if t.closed.Load() || !t.ready.Load() {
		return
	}
	now := time.Now()
	run, wake := t.queue.Next(now)
	for _, e := range run {
		t.running[e.Record] = running{e, now}
		t.lane.Push([]*kgo.Record{e.Record}, uint64(e.Mark))
	}
	if wake.IsZero() {
		t.timer.Stop()
		return
	}
	t.timer.Reset(max(0, wake.Sub(now)))
}

// serve runs a record of the retry partition.
func (t *twin) serve(rec *kgo.Record, now time.Time) {
	t.wakeMu.Lock()
	entry := t.running[rec].entry
	t.wakeMu.Unlock()
	t.in.cfg.Serve(t.ctx, Item{Record: rec, Began: now, p: t.partition, mark: entry.Mark, entry: &entry})
}

// finish notes the final outcome of a record that ran.
func (t *twin) finish(rec *kgo.Record) {
	t.ran(rec)
	t.queue.Finish(rec)
	t.changed()
}

// ran notes that the lane has a record no more.
func (t *twin) ran(rec *kgo.Record) {
	t.wakeMu.Lock()
	defer t.wakeMu.Unlock()
	delete(t.running, rec)
}

// stop ends the timer.
func (t *twin) stopTimer() {
	t.wakeMu.Lock()
	defer t.wakeMu.Unlock()
	t.timer.Stop()
}

// carry writes the oldest record anew, behind all others, as long as it waits and too
// much lies behind it: the watermark cannot pass what waits.
func (t *twin) carry() {
	if !t.ready.Load() || !t.long() || t.closed.Load() || t.moving.Swap(true) {
		return
	}
	if !t.open.join() {
		t.moving.Store(false)
		return
	}
	t.in.tasks.Go(func() {
		defer t.open.sub()
		defer t.moving.Store(false)
		for t.long() {
			e, ok := t.queue.Oldest()
			if !ok {
				return
			}
			note := retry.Note{Attempt: e.Attempt, Due: e.Due, Handlers: e.Handlers}
			if t.store(t.ctx, e.Record, note) != nil {
				t.queue.Return(e.Record)
				return
			}
		}
	})
}

// most is how many records may wait.
func (t *twin) most() int { return min(t.in.cfg.UncommittedLimit, retry.MostSpan/4) }

// long reports whether the oldest one is to be written anew: at least half of what is
// behind it is done then, so copies that say nothing new are not more than the others.
func (t *twin) long() bool {
	waiting, _ := t.queue.Len()
	return t.marks.Size().Span > max(t.most(), 2*waiting)
}

// full reports whether so much lies behind the oldest record that nothing may be added:
// it runs, and cannot be written anew. What is stored and not read yet is at most as
// much as may wait, so all of it has a bit in what is committed.
func (t *twin) full() bool { return t.marks.Size().Span >= 3*t.most() }

// store writes a copy of a record and notes that it waits.
func (t *twin) store(ctx context.Context, rec *kgo.Record, n retry.Note) error {
	n.Group, n.Owner = t.in.cfg.Group, t.queue.Owner()
	copied := n.Record(t.key.topic, rec)
	if err := t.in.cfg.Retries.Store(ctx, copied, t.source.position(rec.Offset)); err != nil {
		return err
	}
	t.ran(rec)
	t.queue.Stored(rec, n, copied.Offset)
	t.changed()
	return nil
}

// passed says that the source's watermark is at offset.
func (t *twin) passed(offset int64) {
	if offset >= 0 {
		t.queue.Passed(offset)
		t.release()
	}
}

// remind commits the position once more now and then. The group does not subscribe to
// retry topics, and brokers forget such positions some days after their last commit,
// although the group lives.
func (t *twin) remind() {
	if now := time.Now(); now.Sub(t.reminded) > reminding && t.ready.Load() {
		t.reminded = now
		t.queue.Dirty()
		t.in.wakeCommits()
	}
}

// reminding is how often: brokers keep positions for a week by default, and no less
// than hours anywhere.
const reminding = time.Hour

// oldest is since when the record that has run for longest runs.
func (t *twin) oldest() (offset int64, since time.Time, ok bool) {
	t.wakeMu.Lock()
	defer t.wakeMu.Unlock()
	for rec, r := range t.running {
		if !ok || r.since.Before(since) {
			offset, since, ok = rec.Offset, r.since, true
		}
	}
	return offset, since, ok
}
