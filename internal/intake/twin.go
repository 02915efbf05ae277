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

	at   int64          // where it is read from
	was  retry.Position // what the last commit says
	kept bool           // at is committed
	told string         // why it could not be read; only the poll loop touches it

	unstored atomic.Bool // the last commit does not have all
	reminded time.Time   // when the position was last committed anew; only the watch loop touches it

	ready  atomic.Bool // the source may be served
	absent atomic.Bool // there is no such partition: what fails is tried again in place

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
func (in *Intake) pair(p *partition, topic RetryTopic) *partition {
	token := rand.Text()
	_, places := in.lanes(p.key.topic)
	t := &twin{
		source: p, topic: topic, token: token, begun: make(chan struct{}), running: make(map[*kgo.Record]running),
		queue: retry.NewQueue(retry.Config{
			Group: in.cfg.Group, Topic: p.key.topic, Partition: p.key.partition,
			KeepOrder: topic.KeepOrder, Token: token,
			Records: in.cfg.UncommittedLimit, Bytes: in.cfg.QueueBytes,
		}),
	}
	t.partition = in.makePartition(key{topic.Name, p.key.partition}, lane.Nothing, places) // the queue knows the order
	t.partition = in.makePartition(key{topic.Name, p.key.partition}, lane.Nothing, places) // the queue knows the order
	t.twin, t.retries = t, true
	t.timer = time.AfterFunc(time.Hour, t.release)
	t.timer.Stop()
	p.twin = t
	if topic.KeepOrder {
		p.pause() // until it is known who waits
	} else {
		t.ready.Store(true)
	}
	return t.partition
}

// heldBack reports whether the partition must not be read yet.
func (p *partition) heldBack() bool { return p.twin != nil && !p.retries && !p.twin.ready.Load() }

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
			item.Done()
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
	if len(records) == 0 || t.closed.Load() {
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
		t.all(t.queue.Read(c, first+commit.Mark(i)))
	}
	select {
	case <-t.queue.Opened():
		t.serves()
	default:
	}
	t.release()
	t.carry()
}

// serves lets the source be read, and what waits be run.
func (t *twin) serves() {
	if !t.ready.Swap(true) {
		t.source.resume()
		t.release()
	}
}

// all notes that marks are done.
func (t *twin) all(done []commit.Mark) {
	if len(done) > 0 {
		t.unstored.Store(true)
	}
	for _, m := range done {
		t.done(m)
	}
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
func (t *twin) serve(rec *kgo.Record) {
	t.wakeMu.Lock()
	entry := t.running[rec].entry
	t.wakeMu.Unlock()
	t.in.cfg.Serve(t.ctx, Item{Record: rec, p: t.partition, mark: entry.Mark, entry: &entry})
}

// finish notes the final outcome of a record that ran, or with a note that it waits
// again.
func (t *twin) settle(rec *kgo.Record, done []commit.Mark) {
	t.wakeMu.Lock()
	delete(t.running, rec)
	t.wakeMu.Unlock()
	t.all(done)
	t.release()
	t.carry()
}

// stop ends the timer.
func (t *twin) stopTimer() {
	t.wakeMu.Lock()
	defer t.wakeMu.Unlock()
	t.timer.Stop()
}

// carry writes the oldest records that wait anew, behind all others, while too many
// lie behind them: the watermark cannot pass what waits.
func (t *twin) carry() {
	if t.marks.Size().Span <= t.mostSpan() || t.closed.Load() || t.moving.Swap(true) {
		return
	}
	if !t.open.join() {
		t.moving.Store(false)
		return
	}
	t.in.tasks.Go(func() {
		defer t.open.sub()
		defer t.moving.Store(false)
		for t.marks.Size().Span > t.mostSpan()/2 {
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

// mostSpan is how many records may lie behind the oldest one that waits.
func (t *twin) mostSpan() int { return min(t.in.cfg.UncommittedLimit, retry.MostSpan/2) }

// store writes a copy of a record and notes that it waits.
func (t *twin) store(ctx context.Context, rec *kgo.Record, n retry.Note) error {
	n.Group, n.Owner = t.in.cfg.Group, t.queue.Owner()
	copied := n.Record(t.key.topic, rec)
	if err := t.in.cfg.Retries.Store(ctx, copied, t.source.position(rec.Offset)); err != nil {
		return err
	}
	t.settle(rec, t.queue.Stored(rec, n, copied.Offset))
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
		t.unstored.Store(true)
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
