package retry

import (
	"github.com/siskin-go/siskin/internal/commit"
)

// Read takes a record of the retry partition, with its mark in that partition's
// watermark. Copies are read in the order of their offsets.
func (q *Queue) Read(c Copy, mark commit.Mark) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.Record == nil {
		q.readMarker(c)
	}
	if c.Record == nil || q.passes(c) {
		q.done(mark)
		return
	}
	it := q.find(c.Record)
	switch {
	case it == nil:
		q.add(q.first(c, mark))
	case it.newer(c.Attempt, c.Offset):
		q.outdate(it)
		it.take(c.Note, c.Offset)
		q.note(it, c, mark)
	case c.Offset == it.copyAt && !it.read:
		q.note(it, c, mark)
	default:
		q.done(mark)
	}
}

// passes reports whether a copy says nothing that counts.
func (q *Queue) passes(c Copy) bool {
	return q.last.Done(c.Offset) || c.Group != "" && c.Group != q.cfg.Group || q.late(c) ||
		q.finished(c) && q.find(c.Record) == nil
}

// readMarker opens the queue at the own marker. Those of others mean nothing: who stood
// still can write one late. Whose commits the group has taken is in their metadata.
func (q *Queue) readMarker(c Copy) {
	if q.cfg.KeepOrder && !q.isOpen() && c.Token == q.cfg.Token {
		q.owner = c.Offset
		close(q.opened)
	}
}

// late says whether an owner has written the copy after another one had begun, who
// knew already what it tells.
func (q *Queue) late(c Copy) bool {
	switch {
	case !q.cfg.KeepOrder || c.Foreign:
		return false
	case q.isOpen():
		return c.Owner != q.owner
	}
	return c.Owner != NoOwner && c.Owner < q.last.Owner && q.last.Owner < c.Offset
}

// finished says whether a copy that is not known has had its outcome: before this
// owner writes, it makes an entry.
func (q *Queue) finished(c Copy) bool { return q.cfg.KeepOrder && q.isOpen() && !c.Foreign }

// first is the item of a copy that is not known yet.
func (q *Queue) first(c Copy, mark commit.Mark) *item {
	rec := keep(c.Record)
	it := &item{rec: rec, state: waiting, bytes: held(rec), copyAt: nowhere, read: true, mark: mark}
	it.attempt, it.due, it.handlers, it.copyAt = c.Attempt, c.Due, c.Handlers, c.Offset
	it.ahead = q.cfg.KeepOrder && !q.isOpen() && q.source(rec) &&
		rec.Offset >= q.start && (q.end < 0 || rec.Offset < q.end)
	return it
}

// note sets the mark of the newest copy.
func (q *Queue) note(it *item, c Copy, mark commit.Mark) {
	it.rec = keep(c.Record)
	it.mark, it.read = mark, true
	q.settle(it)
}
