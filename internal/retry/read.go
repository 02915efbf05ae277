package retry

import (
	"github.com/siskin-go/siskin/internal/commit"
)

// Read takes a record of the retry partition, with its mark in that partition's
// watermark. It returns the marks that are done by it: its own, or that of an older
// copy. Copies are read in the order of their offsets.
func (q *Queue) Read(c Copy, mark commit.Mark) (done []commit.Mark) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c.Record == nil {
		q.readMarker(c)
		return []commit.Mark{mark}
	}
	if q.last.Done(c.Offset) || c.Group != "" && c.Group != q.cfg.Group || q.late(c) {
		return []commit.Mark{mark}
	}
	it := q.find(c.Record)
	if it == nil {
		if q.finished(c) {
			return []commit.Mark{mark}
		}
		q.add(q.first(c, mark))
		return nil
	}
	switch {
	case it.newer(c.Attempt, c.Offset):
		done = it.take(c.Note, c.Offset)
	case c.Offset != it.copyAt || it.read:
		return []commit.Mark{mark}
	}
	q.note(it, c, mark)
	return done
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
