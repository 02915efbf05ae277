//go:build synctests

package intake_test

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
)

// copies are what is known of the retry partition of a partition: whatever a member
// can know of it, it knows from a record that was written down here first.
type copies struct {
	of        map[int64][]stored // by source offset
	seen      map[int64]struct{} // places in the retry partition
	markers   []int64            // in order
	keys      map[int64]string   // of source records; "" for those without order
	decided   map[int64]struct{} // source records whose handler has succeeded
	handled   map[int64]int      // when a source record was last given to a handler by the owner
	clock     int
	committed int64
	reigns    *generation // of the owner
	first     int         // copies of attempts that were not stored before, or of a member that has lost the partition
	again     int         // other copies
}

// stored is one copy.
type stored struct {
	at      int64 // in the retry partition
	attempt int
	due     time.Time
	owner   int64
}

func newCopies() copies {
	return copies{
		of: make(map[int64][]stored), seen: make(map[int64]struct{}), keys: make(map[int64]string),
		decided: make(map[int64]struct{}), handled: make(map[int64]int), committed: -1,
	}
}

func (c *copies) has(offset int64) bool { return len(c.of[offset]) > 0 }

// newest is the highest attempt of a source record that is stored.
func (c *copies) newest(offset int64) (attempt int) {
	for _, s := range c.of[offset] {
		attempt = max(attempt, s.attempt)
	}
	return attempt
}

// learn notes a record of the retry partition.
func (c *copies) learn(r *kgo.Record) {
	if _, known := c.seen[r.Offset]; known {
		return
	}
	c.seen[r.Offset] = struct{}{}
	read := retry.Read(r, time.Now())
	if read.Record == nil {
		c.markers = append(c.markers, r.Offset)
		slices.Sort(c.markers)
		return
	}
	at := read.Record.Offset
	c.of[at] = append(c.of[at], stored{r.Offset, read.Attempt, read.Due, read.Owner})
}

// counts reports whether a copy must count for an owner: nobody else can have begun
// before it was stored, and the owner has read it or has stored it itself.
func (c *copies) counts(s stored, owner int64) bool {
	next := int64(math.MaxInt64)
	for _, m := range c.markers {
		if m > s.owner {
			next = m
			break
		}
	}
	return s.at < next && (s.at < owner || s.owner == owner)
}

// sees learns of a record that a member has fetched, before the engine has it.
func (l *ledger) sees(r *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if source, ok := sourceOf(r.Topic); ok {
		l.logs[place{source, r.Partition}].copies.learn(r)
		return
	}
	l.logs[placeOf(r)].copies.keys[r.Offset] = l.keyOf(r)
}

// moves notes that the engine is about to be asked to make a record wait.
func (l *ledger) moves(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := d.generation
	if g == nil {
		return
	}
	g.moving[d.offset] = d
	if !d.retried && !d.waited && l.logs[g.place].copies.has(d.offset) {
		d.waited = true // the engine may say at once that it is done
		g.open--
	}
}

// stays notes that a record cannot be made to wait: what is stored of it from now on is
// another copy, which an earlier owner has left.
func (l *ledger) stays(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := d.generation; g != nil && g.moving[d.offset] == d {
		delete(g.moving, d.offset)
	}
}

// writesCopy checks what a member is about to write to a retry topic.
func (l *ledger) writesCopy(who string, p place, copied *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, h := l.members[who], l.logs[p]
	read := retry.Read(copied, time.Now())
	if a.gone || read.Record == nil {
		return
	}
	at := read.Record.Offset
	l.writes("%s writes a copy of %v %d, attempt %d", who, p, at, read.Attempt)
	g := a.generations[p]
	beside := h.copies.reigns != nil && h.copies.reigns != g
	if beside || read.Attempt > h.copies.newest(at) {
		h.copies.first++
	} else if h.copies.again++; h.copies.again > 100+2*h.copies.first {
		l.breaks(bounds, "%v has got %d copies, and %d that say nothing new", p, h.copies.first, h.copies.again)
	}
	if g == nil || g.givenUp || h.copies.has(at) {
		return
	}
	if g.waiting[at] = struct{}{}; len(g.waiting) > l.settings.uncommittedLimit {
		l.breaks(bounds, "%s makes %d records of %v wait", who, len(g.waiting), p)
	}
}

// stores notes that a copy is stored, and the engine is about to be told.
func (l *ledger) stores(who string, ctx context.Context, copied *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	source, _ := sourceOf(copied.Topic)
	a, p := l.members[who], place{source, copied.Partition}
	h := l.logs[p]
	h.copies.learn(copied)
	read := retry.Read(copied, time.Now())
	if a.gone {
		return
	}
	g := a.generations[p]
	if g == nil || g.givenUp || ctx.Err() != nil {
		return
	}
	if read.Record == nil {
		l.writes("%s has its marker in %v at %d", who, p, copied.Offset)
		g.marker = copied.Offset
		return
	}
	l.writes("%s has stored a copy of %v %d, attempt %d, at %d", who, p, read.Record.Offset, read.Attempt, copied.Offset)
	d := g.moving[read.Record.Offset]
	if d == nil || d.settled {
		return
	}
	delete(g.moving, d.offset)
	d.settled, d.waits, d.at = true, true, time.Now()
	g.endsTurn(d)
	g.closes(d)
}

// decides notes that a handler has succeeded: later records of the key may be handled,
// also while its reply is on its way.
func (l *ledger) decides(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := d.generation; g != nil && !d.account.gone {
		l.logs[g.place].copies.decided[d.offset] = struct{}{}
		g.endsTurn(d)
	}
}

// isDue checks that a record that waited has waited long enough, for an attempt that
// is stored. What is stored is rounded up to milliseconds.
func (l *ledger) isDue(d *delivery) {
	g := d.generation
	due, found := time.Time{}, false
	for _, s := range l.logs[g.place].copies.of[d.offset] {
		if s.attempt == d.attempt && (!found || s.due.Before(due)) {
			due, found = s.due, true
		}
	}
	switch {
	case !found:
		l.breaks(attempts, "%s gets record %d of %v, attempt %d, which nobody has stored", d.account.name, d.offset, g.place, d.attempt)
	case due.After(time.Now().Add(time.Millisecond)):
		l.breaks(dueTime, "%s gets record %d of %v %v before it is due", d.account.name, d.offset, g.place, time.Until(due))
	}
}

// inOrder checks that all earlier records of the key have their outcome, and that
// attempts that are stored count.
func (l *ledger) inOrder(d *delivery) {
	g := d.generation
	h := l.logs[g.place]
	c := &h.copies
	if c.reigns == g {
		c.clock++
		c.handled[d.offset] = c.clock
	}
	if _, ok := c.decided[d.offset]; !ok {
		for _, s := range c.of[d.offset] {
			if c.counts(s, g.marker) && s.attempt > d.attempt {
				l.breaks(attempts, "%s gets record %d of %v, attempt %d, after attempt %d was stored at %d",
					d.account.name, d.offset, g.place, d.attempt, s.attempt, s.at)
			}
		}
	}
	for at := h.from; at < d.offset && d.key != ""; at++ {
		if _, ok := c.decided[at]; !ok && c.keys[at] == d.key {
			l.breaks(keyOrder, "%s gets record %d of %v with key %q before %d has its outcome", d.account.name, d.offset, g.place, d.key, at)
			return
		}
	}
}

// commitsRetries checks a position in a retry partition that the broker is about to
// take: what the source's position has passed has its outcome, or is found by whoever
// comes next.
func (l *ledger) commitsRetries(who string, p place, offset int64, metadata *string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, note := l.logs[p], ""
	if metadata != nil {
		note = *metadata
	}
	l.writes("%s commits the retries of %v at %d: %s", who, p, offset, note)
	if offset < h.copies.committed {
		l.breaks(progress, "%s commits the retries of %v at %d after %d", who, p, offset, h.copies.committed)
	}
	h.copies.committed = offset
	last := retry.ParsePosition(offset, math.MaxInt64, note)
	if g := l.members[who].generations[p]; g != nil && g.marker >= 0 && g.marker == last.Owner {
		h.copies.reigns = g // a member can be told that it owns a partition when it has lost it again
	}
	for at := h.from; at < h.committed; at++ {
		if _, ended := h.outcomes[at]; ended || !h.copies.has(at) {
			continue
		}
		if !slices.ContainsFunc(h.copies.of[at], func(s stored) bool { return s.at >= offset && !last.Done(s.at) }) {
			l.breaks(noSkip, "%s commits the retries of %v at %d, but record %d has no final outcome", who, p, offset, at)
			return
		}
	}
}

// retriesAt is a retry partition whose position is not at its end, or nil.
func retriesAt(ends, committed map[place]int64) *place {
	for p, end := range ends {
		if end > 0 && committed[p] != end {
			return &p
		}
	}
	return nil
}

// closesRetries checks what must be true in the end: nothing waits, and nobody is left
// with an older record of a key than he has had.
func (l *ledger) closesRetries(ends, committed map[place]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := retriesAt(ends, committed); p != nil {
		l.breaks(progress, "%v is committed at %d, its end is %d", *p, committed[*p], ends[*p])
	}
	for p, h := range l.logs {
		c := &h.copies
		for later, when := range c.handled {
			for earlier, handled := range c.handled {
				if key := c.keys[later]; earlier < later && handled > when && key != "" && key == c.keys[earlier] {
					l.breaks(keyOrder, "record %d of %v was handled after %d, for good", earlier, p, later)
				}
			}
		}
	}
}
