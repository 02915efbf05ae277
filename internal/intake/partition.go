package intake

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Why the context of a partition's handlers ends; see context.Cause.
var (
	// ErrLost says that another member may own the partition already. Nothing
	// that comes out counts, and nobody may be answered.
	ErrLost = errors.New("the partition was lost to another member")
	// ErrDrained says that the time to finish is over. An answer that is sent
	// at once still counts.
	ErrDrained = errors.New("the service stops, or gives the partition to another member")
)

// partition is one assigned partition during one assignment. A partition that
// comes back later gets a new one, so nothing of the old generation can leak
// into it.
type partition struct {
	key    key
	member string // who owns it: this member's id when it was assigned
	in     *Intake
	marks  *commit.Partition
	lane   *lane.Lane
	ctx    context.Context
	cancel context.CancelCauseFunc
	open   *tally
	closed atomic.Bool // outcomes no longer count

	leaving bool // it is being given up; under Intake.mu

	twin    *twin // where a topic has a retry topic
	retries bool  // this is the partition of the retry topic

	pressure

	stuck atomic.Bool
	held  held // only the watch loop touches it

	start     atomic.Int64 // where the client was told to begin, or unplaced
	postponed atomic.Bool  // nobody knows yet where it begins
	begun     bool         // what comes was read from there on; whoever holds the gate touches it
	last      int64        // offset of the last record pushed; as begun
	epoch     int32        // its leader epoch
	mending   atomic.Bool  // somebody looks for the way past a batch that cannot be read
	skipped   atomic.Int64
}

// unplaced is the start of a partition of which the client was not told yet where it begins.
const unplaced int64 = -2

func (in *Intake) newPartition(k key) *partition {
	order, places := in.lanes(k.topic)
	p := in.makePartition(k)
	p.lane = lane.Start(lane.Config{Order: order, Places: places, Serve: p.serve, Batch: p.batch(), Left: p.left})
	return p
}

// makePartition leaves the lane to be made.
func (in *Intake) makePartition(k key) *partition {
	p := &partition{key: k, in: in, marks: commit.NewPartition(), last: -1, open: newTally()}
	p.room = make(chan struct{}, 1)
	p.start.Store(unplaced)
	p.member, _ = in.client.GroupMetadata()
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p
}

// batch is how the partition's records are served together, or nil.
func (p *partition) batch() *lane.Batch {
	if p.in.cfg.Batches == nil {
		return nil
	}
	size, wait := p.in.cfg.Batches(p.key.topic)
	if size == 0 {
		return nil
	}
	return &lane.Batch{Size: size, Wait: wait, Serve: p.serveBatch, Alone: p.serveAlone}
}

func (p *partition) serve(rec *kgo.Record, mark uint64, now time.Time) {
	p.open.add()
	if p.retries {
		p.twin.serve(rec, now)
		return
	}
	item := Item{Record: rec, Began: now, p: p, mark: commit.Mark(mark)}
	if p.twin == nil || p.twin.turn(item) {
		p.in.cfg.Serve(p.ctx, item)
	}
}

func (p *partition) serveBatch(turns []lane.Turn) {
	p.open.addAll(len(turns))
	items, now := make([]Item, 0, len(turns)), time.Now()
	for i := range turns {
		item := Item{Record: turns[i].Record, Began: now, p: p, mark: commit.Mark(turns[i].Mark), turn: &turns[i]}
		if p.twin == nil || p.twin.turn(item) {
			items = append(items, item)
		}
	}
	if len(items) > 0 {
		p.in.cfg.ServeBatch(p.ctx, items)
	}
}

func (p *partition) serveAlone(t lane.Turn) {
	p.open.add()
	p.in.cfg.Serve(p.ctx, Item{Record: t.Record, Began: time.Now(), p: p, mark: commit.Mark(t.Mark), turn: &t})
}

// place notes where the client will begin to read.
func (p *partition) place(offset int64) {
	p.start.Store(offset)
	if p.twin != nil {
		p.twin.starts(offset)
	}
}

// push hands records to the lane.
func (p *partition) push(records []*kgo.Record, now time.Time) {
	full := false
	if records = p.due(records); len(records) > 0 {
		newest := records[len(records)-1]
		p.last, p.epoch = newest.Offset, newest.LeaderEpoch
		mark, size := p.marks.Begin(records, now)
		full = p.in.full(p.lane.Push(records, uint64(mark)), size)
	}
	p.pushed(full, now)
}

// due leaves out what is not the partition's to serve: repeats, which a fetch can
// bring after a rebalance, and what was fetched before the client was told where to
// begin.
func (p *partition) due(records []*kgo.Record) []*kgo.Record {
	from := max(p.last+1, p.start.Load())
	for len(records) > 0 && records[0].Offset < from {
		records = records[1:]
	}
	if len(records) > 0 && !p.begins(records[0].Offset) {
		return nil
	}
	return records
}

// begins reports whether the partition has begun, or begins with offset. What lies
// behind the start may have been fetched for an earlier generation, and a hole in the
// log looks the same: the client is sent back to the start, once, and what comes then
// is the partition's.
func (p *partition) begins(offset int64) bool {
	start := p.start.Load()
	switch {
	case start == unplaced:
		return false
	case p.begun, start == offset:
		p.begun = true
		return true
	}
	p.in.back.add(p.key, start)
	return false
}

func (p *partition) position(offset int64) events.Position {
	return events.Position{Topic: p.key.topic, Partition: p.key.partition, Offset: offset}
}

// done notes a final outcome.
func (p *partition) done(m commit.Mark) {
	p.note(func() commit.Size { return p.marks.Done(m) })
}

// doneAll is done for several records.
func (p *partition) doneAll(marks iter.Seq[commit.Mark]) {
	p.note(func() commit.Size { return p.marks.DoneAll(marks) })
}

func (p *partition) note(outcomes func() commit.Size) {
	if p.closed.Load() {
		return
	}
	p.eased(outcomes())
	p.in.wakeCommits()
}

// lose ends the partition at once: nothing of it counts any more.
func (p *partition) lose() {
	p.closed.Store(true)
	p.lane.Stop()
	p.cancel(ErrLost)
	p.stopTimer()
}

// lastWords is how long an answer that is sent at the end of the drain may take
// to reach the broker.
const lastWords = time.Second

// finish waits until nothing of the partition is unfinished. When ctx ends first
// it ends the handlers, gives last answers a moment, and reports false.
func (p *partition) finish(ctx context.Context) bool {
	if p.idle(ctx) {
		return true
	}
	p.cancel(ErrDrained)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		p.idle(ctx)
	}
	return false
}

// idle waits until the handlers have returned and their outcomes are known.
func (p *partition) idle(ctx context.Context) bool {
	select {
	case <-p.lane.Ended(): // now nothing is added to open
	case <-ctx.Done():
		return false
	}
	select {
	case <-p.open.closed():
		return true
	case <-ctx.Done():
		return false
	}
}

// stopAll ends partitions: records that have not begun are dropped, running
// handlers and replies under way get until the drain is over to finish, then
// their context ends. It reports whether all finished in time.
func (in *Intake) stopAll(parts []*partition) bool {
	for _, p := range parts {
		p.lane.Stop()
	}
	ctx, cancel := context.WithTimeout(in.aborted, in.cfg.Drain)
	defer cancel()
	var wg sync.WaitGroup
	var late atomic.Bool
	for _, p := range parts {
		wg.Go(func() {
			if !p.finish(ctx) {
				late.Store(true)
			}
		})
	}
	wg.Wait()
	return !late.Load()
}

// end is the last step of a partition that was stopped: what comes now no longer
// counts.
func (p *partition) end() {
	p.closed.Store(true)
	p.cancel(ErrLost)
	p.stopTimer()
}

// stopTimer lets go of what would wake a retry partition.
func (p *partition) stopTimer() {
	if p.retries {
		p.twin.stopTimer()
	}
}
