// Package commit knows which offset of a partition may be committed: the one
// before which every record has reached its final outcome, although outcomes
// may come out of order.
package commit

import (
	"context"
	"sync"
)

// Mark stands for one record between Begin and Done. It belongs to the
// Partition that gave it out.
type Mark uint64

// Partition is the watermark of one assigned partition. Records begin in the
// order of their offsets and may be done in any order. Safe for concurrent use.
//
// Invariant: the position is never beyond a record that has begun and is not
// done. So whatever happens to the process, no unfinished record is skipped.
type Partition struct {
	mu        sync.Mutex
	entries   []entry // ring of the records from first to next, by mark
	first     Mark    // the oldest record not yet passed by the watermark
	next      Mark    // the mark that the next record gets
	position  int64   // everything before this offset is done
	epoch     int32   // leader epoch of the last record passed
	committed int64   // the position of the last successful commit
	idle      chan struct{}
}

type entry struct {
	offset int64
	epoch  int32
	done   bool
}

// Unknown is the position of a partition that has neither begun a record nor
// been told where it starts.
const Unknown int64 = -1

// NewPartition returns a watermark without a position.
func NewPartition() *Partition {
	return &Partition{entries: make([]entry, 16), position: Unknown, committed: Unknown, epoch: -1}
}

// Start sets the position of a partition that has not begun any record. With
// committed false, the position still has to be committed, so that a restart
// before the first record starts there too.
func (p *Partition) Start(offset int64, committed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != 0 {
		return
	}
	p.position = offset
	if committed {
		p.committed = offset
	}
}

// Begin notes that the record at offset is now being handled. Offsets rise but
// need not be dense: compaction and transactions leave gaps.
func (p *Partition) Begin(offset int64, epoch int32) Mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next-p.first == Mark(len(p.entries)) {
		p.grow()
	}
	if p.first == p.next && p.position == Unknown {
		p.position = offset
	}
	m := p.next
	*p.at(m) = entry{offset: offset, epoch: epoch}
	p.next++
	return m
}

// Done notes that the record of m has reached its final outcome. A second call
// for the same mark does nothing.
func (p *Partition) Done(m Mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m < p.first || m >= p.next {
		return
	}
	p.at(m).done = true
	for p.first < p.next && p.at(p.first).done {
		e := p.at(p.first)
		p.position, p.epoch = e.offset+1, e.epoch
		p.first++
	}
	if p.first == p.next && p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
}

// Pending is how many records have begun and are not yet passed by the
// watermark.
func (p *Partition) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.next - p.first)
}

// Wait returns nil as soon as no record is unfinished, or the error of ctx.
func (p *Partition) Wait(ctx context.Context) error {
	p.mu.Lock()
	if p.first == p.next {
		p.mu.Unlock()
		return nil
	}
	if p.idle == nil {
		p.idle = make(chan struct{})
	}
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Position is the offset to commit with the leader epoch of the record before
// it, and whether it differs from what was last committed.
func (p *Partition) Position() (offset int64, epoch int32, dirty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position, p.epoch, p.position != Unknown && p.position != p.committed
}

// Committed notes that the broker has stored offset.
func (p *Partition) Committed(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed = max(p.committed, offset)
}

func (p *Partition) at(m Mark) *entry { return &p.entries[m&Mark(len(p.entries)-1)] }

// grow doubles the ring, whose length is a power of two.
func (p *Partition) grow() {
	bigger := make([]entry, 2*len(p.entries))
	for m := p.first; m < p.next; m++ {
		bigger[m&Mark(len(bigger)-1)] = *p.at(m)
	}
	p.entries = bigger
}
