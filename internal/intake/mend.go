package intake

import (
	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/fetch"
)

// A batch that the Kafka client cannot read stops its partition for ever: the
// client asks for it again and again. It is looked for with a fetch of our own,
// which tells where it ends, and skipped.

// fetchError is why a partition cannot be read.
type fetchError struct {
	key key
	err error
}

// mend lets a partition go on behind a batch that cannot be read. The caller holds
// the gate.
func (in *Intake) mend(d fetchError) {
	p := in.find(d.key)
	if p == nil || p.start.Load() == unplaced || p.mending.Swap(true) {
		return
	}
	p.begun = true // where the damage is tells where the client is
	search := fetch.Search{
		Client: in.client, Topic: d.key.topic, Partition: d.key.partition, At: p.next(), Cause: d.err, Emit: in.cfg.Emit,
	}
	in.tasks.Go(func() {
		defer p.mending.Store(false)
		if search.At == commit.Unknown {
			in.restart(p)
			return
		}
		if batch, found := search.Find(p.ctx); found {
			in.skip(p, search.At, batch)
		}
	})
}

// next is the offset behind the last record pushed, or where the partition starts.
func (p *partition) next() int64 {
	if p.last >= 0 {
		return p.last + 1
	}
	position, _, _ := p.marks.Position()
	return position
}

// restart makes the client begin a partition anew for which nobody knows where it
// begins: its bounds could not be asked for when it was assigned.
func (in *Intake) restart(p *partition) {
	in.mu.Lock()
	in.again = append(in.again, p.key.topic)
	in.mu.Unlock()
	in.gate.pass(func() {}) // the poll loop does it
}

// skip goes on behind a batch, unless the partition has got another owner, or
// further, meanwhile. What lies behind the batch is read at once; its own offsets
// count as done when it is kept.
func (in *Intake) skip(p *partition, from int64, b fetch.Batch) {
	in.gate.pass(func() {
		if in.find(p.key) != p || p.closed.Load() || p.next() != from || !p.open.join() {
			return
		}
		p.last = b.Next - 1
		p.skipped.Add(b.Next - b.First)
		size, release := p.marks.Hold(max(from, b.First), b.Next, b.Epoch, b.Raw)
		in.set(p.key, b.Next)
		if in.full(p.lane.Held(), size) {
			p.pause()
		}
		in.tasks.Go(func() { p.keep(b, release) })
	})
}

// keep stores a batch, and tells of it when its outcome counts. Otherwise the next
// owner finds the batch again.
func (p *partition) keep(b fetch.Batch, release func() commit.Size) {
	defer p.open.sub()
	if keep := p.in.cfg.Keep; keep != nil && !keep(p.ctx, p.key.topic, p.key.partition, &b) || p.closed.Load() {
		return
	}
	p.in.cfg.Emit(b.Skipped(p.key.topic, p.key.partition))
	p.eased(release())
	p.in.wakeCommits()
}
