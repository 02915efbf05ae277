package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Item is one record on its way. Done, Leave or, in a batch, Fail must be called
// exactly once.
type Item struct {
	Record *kgo.Record
	Began  time.Time // when its turn came
	p      *partition
	mark   commit.Mark
	turn   *lane.Turn   // nil for a record that was never in a batch
	entry  *retry.Entry // of a record from the retry topic
}

// Attempt is how often the record will have been tried when it has been tried now.
func (i Item) Attempt() int {
	if i.entry == nil {
		return 1
	}
	return max(1, i.entry.Attempt)
}

// Handlers are the numbers of the handlers that are to run, or nil for all.
func (i Item) Handlers() []int {
	if i.entry == nil {
		return nil
	}
	return i.entry.Handlers
}

// Done says that the record has reached its final outcome: its offset may be
// committed.
func (i Item) Done() {
	if i.entry != nil {
		i.p.twin.finish(i.Record)
		i.p.open.sub()
		return
	}
	if t := i.p.twin; t != nil && t.queue.Finish(i.Record) { // somebody else's copy of it was there
		t.release()
	}
	i.skip()
}

// DoneTogether is Done for records of one batch. Their partition looks at its watermark
// once.
func DoneTogether(items []Item) {
	p := items[0].p
	if p.twin != nil {
		for _, i := range items {
			i.Done()
		}
		return
	}
	p.doneAll(func(yield func(commit.Mark) bool) {
		for i := range items {
			if !yield(items[i].mark) {
				return
			}
		}
	})
	p.open.subAll(len(items))
}

// skip ends the record here: its outcome is that of a copy.
func (i Item) skip() {
	i.p.done(i.mark)
	i.p.open.sub()
}

// Later is Done for a record that waits in the retry topic now, as n says. It returns
// an error that wraps retry.ErrInPlace when it cannot wait there, and another one when the
// partition was given up; the record has no outcome then.
func (i Item) Later(n retry.Note) error {
	t := i.p.twin
	if t == nil {
		return retry.ErrInPlace
	}
	if err := t.exists(i.p.ctx); err != nil {
		return err
	}
	turn := retry.Park
	switch {
	case t.full():
		turn = retry.Run
	case i.entry == nil:
		turn = t.queue.Reserve(i.Record)
	}
	if turn == retry.Run {
		return fmt.Errorf("%w: it is full", retry.ErrInPlace)
	}
	if turn == retry.Park {
		if err := t.store(i.p.ctx, i.Record, n); err != nil {
			if i.entry == nil {
				t.queue.Cancel(i.Record)
				t.changed()
			}
			return err
		}
	}
	if i.entry != nil {
		i.p.open.sub()
		return nil
	}
	i.skip()
	return nil
}

// Leave says that nothing comes of the record here. Unless Commit is called for
// it, it is delivered again to the partition's next owner.
func (i Item) Leave() { i.p.open.sub() }

// Fail says that its batch could not handle the record: it is served again, alone,
// before later ones with its key. It may be called until Config.ServeBatch returns.
func (i Item) Fail(f lane.Failure) {
	i.turn.Failed = &f
	i.p.open.sub()
}

// Failed is what the record's batch has left to it, or nil.
func (i Item) Failed() *lane.Failure {
	if i.turn == nil {
		return nil
	}
	return i.turn.Failed
}

// Manual says that only Commit, CommitOffset or a failure ends the record.
func (i Item) Manual() { i.p.marks.Manual(i.mark) }

// Commit notes that the record is done and commits the watermark. It returns
// ErrLost when the partition is not this member's any more.
func (i Item) Commit(ctx context.Context) error {
	i.p.done(i.mark)
	return i.p.commit(ctx)
}

// Rest waits for d before the next attempt, and gives the worker's place to
// others meanwhile. It returns lane.ErrStopped when the partition is being given
// up, and the error of ctx when that ended first.
func (i Item) Rest(ctx context.Context, d time.Duration) error { return i.p.lane.Rest(ctx, d) }

// CommitOffset marks the manual records of a partition before offset as done and
// commits the watermark. It returns ErrLost for a partition that this member does
// not own, and commit.ErrUnfinished when a record before offset is not finished.
func (in *Intake) CommitOffset(ctx context.Context, topic string, partition int32, offset int64) error {
	p := in.find(key{topic, partition})
	if p == nil {
		return ErrLost
	}
	size, err := p.marks.DoneBefore(offset)
	if err != nil {
		return err
	}
	p.eased(size)
	return p.commit(ctx)
}
