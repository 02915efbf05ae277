package intake

import (
	"context"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Item is one record on its way. Done, Leave or, in a batch, Fail must be called
// exactly once.
type Item struct {
	Record *kgo.Record
	p      *partition
	mark   commit.Mark
	turn   *lane.Turn // nil for a record that was never in a batch
}

// Done says that the record has reached its final outcome: its offset may be
// committed.
func (i Item) Done() {
	i.p.done(i.mark)
	i.p.open.sub()
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
	p.room(size)
	return p.commit(ctx)
}
