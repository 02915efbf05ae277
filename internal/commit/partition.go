// Package commit knows which offset of a partition may be committed: the one
// before which every record has reached its final outcome, although outcomes
// may come out of order.
package commit

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Mark stands for one record between Begin and Done. Records that begin together
// have consecutive marks. It belongs to the Partition that gave it out.
type Mark uint64

// Partition is the watermark of one assigned partition. Records begin in the
// order of their offsets and may be done in any order. Safe for concurrent use.
//
// Invariant: the position is never beyond a record that has begun and is not
// done. So whatever happens to the process, no unfinished record is skipped.
type Partition struct {
	mu         sync.Mutex
	entries    []entry // ring of the records from first to next, by mark
	first      Mark    // the oldest record not yet passed by the watermark
	next       Mark    // the mark that the next record gets
	unfinished int     // records from first to next that are not done
	bytes      int     // what those hold
	position   int64   // everything before this offset is done
	epoch      int32   // leader epoch of the last record passed
	committed  int64   // the position of the last successful commit
}

type entry struct {
	offset int64
	since  int64 // when the record began, in Unix nanoseconds
	epoch  int32
	bytes  int32
	done   bool
	manual bool // only its author says when it is done
}

// Size is how much a partition holds: what its memory is bounded by.
type Size struct {
	// Unfinished is how many records have begun and are not done.
	Unfinished int
	// Span is how many records there are from the oldest unfinished one to
	// the newest, also those that are done.
	Span int
	// Bytes is how much the keys, values and headers of the unfinished records
	// hold.
	Bytes int
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

// Begin notes that records are now being handled, and returns the mark of the
// first of them. Offsets rise but need not be dense: compaction and transactions
// leave gaps.
func (p *Partition) Begin(records []*kgo.Record, now time.Time) (Mark, Size) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, began := p.next, now.UnixNano()
	if p.position == Unknown && len(records) > 0 {
		p.position = records[0].Offset
	}
	for p.span()+len(records) > len(p.entries) {
		p.grow()
	}
	for _, rec := range records {
		bytes := held(rec)
		*p.at(p.next) = entry{offset: rec.Offset, epoch: rec.LeaderEpoch, since: began, bytes: bytes}
		p.next++
		p.bytes += int(bytes)
	}
	p.unfinished += len(records)
	return first, p.size()
}

// held is how many bytes a record brings.
func held(rec *kgo.Record) int32 {
	n := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return int32(min(n, math.MaxInt32))
}

// Hold is Begin for the offsets from first to before next, which have one outcome
// together. raw is what they hold until release is called, which is Done for all of
// them at once. release may be called more than once, and from any goroutine.
func (p *Partition) Hold(first, next int64, epoch int32, raw []byte) (size Size, release func() Size) {
	ends := []*kgo.Record{{Offset: first, LeaderEpoch: epoch, Value: raw}}
	if next-1 > first {
		ends = append(ends, &kgo.Record{Offset: next - 1, LeaderEpoch: epoch})
	}
	from, size := p.Begin(ends, time.Now())
	return size, func() Size {
		return p.DoneAll(func(yield func(Mark) bool) {
			for m := from; m < from+Mark(len(ends)) && yield(m); m++ {
			}
		})
	}
}

// Manual notes that only its author says when the record of m is done.
func (p *Partition) Manual(m Mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holds(m) {
		p.at(m).manual = true
	}
}

// Done notes that the record of m has reached its final outcome. A second call
// for the same mark does nothing.
func (p *Partition) Done(m Mark) Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holds(m) {
		p.done(p.at(m))
		p.pass()
	}
	return p.size()
}

// DoneAll is Done for several records.
func (p *Partition) DoneAll(marks iter.Seq[Mark]) Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	for m := range marks {
		if p.holds(m) {
			p.done(p.at(m))
		}
	}
	p.pass()
	return p.size()
}

// DoneBefore notes that all manual records before offset are done. When a record
// before offset is neither done nor manual it changes nothing and returns an
// error that wraps ErrUnfinished.
func (p *Partition) DoneBefore(offset int64) (Size, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.first
	for ; end < p.next && p.at(end).offset < offset; end++ {
		if e := p.at(end); !e.done && !e.manual {
			return p.size(), unfinished(e.offset)
		}
	}
	if end == p.next && offset > p.after() {
		return p.size(), unfinished(p.after())
	}
	for m := p.first; m < end; m++ {
		p.done(p.at(m))
	}
	p.pass()
	return p.size(), nil
}

// ErrUnfinished says that an offset cannot be committed, because a record before
// it has no final outcome.
var ErrUnfinished = errors.New("a record before the offset is not finished")

func unfinished(offset int64) error { return fmt.Errorf("%w: offset %d", ErrUnfinished, offset) }

// after is the offset behind the newest record.
func (p *Partition) after() int64 {
	if p.first == p.next {
		return p.position
	}
	return p.at(p.next-1).offset + 1
}

func (p *Partition) done(e *entry) {
	if !e.done {
		e.done = true
		p.unfinished--
		p.bytes -= int(e.bytes)
	}
}

// pass moves the watermark over what is done.
func (p *Partition) pass() {
	for p.first < p.next && p.at(p.first).done {
		e := p.at(p.first)
		p.position, p.epoch = e.offset+1, e.epoch
		p.first++
	}
}

// Size is how much the partition holds.
func (p *Partition) Size() Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size()
}

// Oldest is the oldest unfinished record and when it began, or false when there
// is none.
func (p *Partition) Oldest() (offset int64, since time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == p.next {
		return 0, time.Time{}, false
	}
	e := p.at(p.first)
	return e.offset, time.Unix(0, e.since), true
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

// LastCommit is the position of the last successful commit, or Unknown.
func (p *Partition) LastCommit() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.committed
}

func (p *Partition) size() Size {
	return Size{Unfinished: p.unfinished, Span: p.span(), Bytes: p.bytes}
}

func (p *Partition) span() int { return int(p.next - p.first) }

func (p *Partition) holds(m Mark) bool { return m >= p.first && m < p.next }

func (p *Partition) at(m Mark) *entry { return &p.entries[m&Mark(len(p.entries)-1)] }

// grow doubles the ring, whose length is a power of two.
func (p *Partition) grow() {
	bigger := make([]entry, 2*len(p.entries))
	for m := p.first; m < p.next; m++ {
		bigger[m&Mark(len(bigger)-1)] = *p.at(m)
	}
	p.entries = bigger
}
