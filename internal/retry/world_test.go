package retry_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// world is what is around a queue, said as simply as possible: the logs of a source
// partition and of its retry partition, a group that takes commits from its newest
// generation only, and owners that come, crash, or stand still and go on later.
type world struct {
	*rapid.T
	ordered bool
	limit   int // of records in a queue
	trouble int // how rare it is
	weights map[string]int

	now     time.Time
	clock   int // counts what handlers are given
	life    int // of the source topic: how often it was made anew
	source  []*fact
	end     int64
	facts   map[int64]*fact // all that ever were, by timestamp
	log     []*kgo.Record   // the retry partition; a record's place is its offset
	timely  []bool          // of each of those: its writer reigned then
	flights []*flight

	owners    []*owner // that are alive; the last one reigns
	gen       int
	committed committed
	story     []string
}

// fact is what really is with a source record.
type fact struct {
	rec     *kgo.Record
	life    int
	removed bool // from the source
	lost    bool // with the topic, before anybody could have kept it
	final   int  // the first generation that, reigning, brought it to its end; 0 is none
	handled int  // the clock when a reigning owner gave it to its handler the last time
}

func (f *fact) String() string {
	key := "-"
	if f.rec.Key != nil {
		key = fmt.Sprintf("%q", f.rec.Key)
	}
	return fmt.Sprintf("record %d of key %s of topic life %d", f.rec.Offset, key, f.life)
}

// committed is what the broker has for the group.
type committed struct {
	source   int64 // -1 is nothing
	retry    int64
	metadata string
}

// flight is a copy on its way to the broker.
type flight struct {
	by     *owner
	rec    *kgo.Record
	note   retry.Note
	fact   *fact // nil for a marker
	stored int64 // its offset, or -1
	acked  func(offset int64)
	failed func()
}

func (w *world) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if n := len(w.story); n == 0 || w.story[n-1] != line {
		w.story = append(w.story, line)
	}
}

// wrong ends the test with what has happened.
func (w *world) wrong(rule, format string, args ...any) {
	w.Fatalf("%s: %s\n%s", rule, fmt.Sprintf(format, args...), strings.Join(w.story, "\n"))
}

func (w *world) reigning() *owner { return w.owners[len(w.owners)-1] }

func (w *world) factOf(rec *kgo.Record) *fact {
	f := w.facts[rec.Timestamp.UnixMilli()]
	if f == nil || f.rec.Offset != rec.Offset || string(f.rec.Key) != string(rec.Key) {
		w.wrong(sane, "a record that never was: %d, %q", rec.Offset, rec.Key)
	}
	return f
}

// produce writes a source record, perhaps behind a gap.
func (w *world) produce() {
	w.end += pick(w.T, "gap", []int64{0, 0, 0, 2})
	var key []byte
	if k := pick(w.T, "key", []string{"a", "a", "a", "b", "b", "", "nil"}); k != "nil" {
		key = []byte(k)
	}
	f := &fact{life: w.life, rec: &kgo.Record{
		Topic: "t", Offset: w.end, Key: key, Value: []byte("v"),
		Timestamp: time.UnixMilli(int64(1_000_000*(w.life+1)) + w.end),
	}}
	w.facts[f.rec.Timestamp.UnixMilli()] = f
	w.source = append(w.source, f)
	w.end++
	w.say("produce %s", f)
}

// compact removes a record that has a later one of its key, and that nobody needs.
func (w *world) compact() {
	var can []*fact
	for i, f := range w.source {
		if !f.removed && (f.final > 0 || w.safe(f)) && w.overwritten(w.source[i+1:], f) {
			can = append(can, f)
		}
	}
	if len(can) == 0 {
		return
	}
	f := pick(w.T, "compacted", can)
	f.removed = true
	w.say("compact %s", f)
}

func (w *world) overwritten(later []*fact, f *fact) bool {
	for _, l := range later {
		if !l.removed && f.rec.Key != nil && l.rec.Key != nil && string(l.rec.Key) == string(f.rec.Key) {
			return true
		}
	}
	return false
}

// remake deletes the source topic and makes it anew. The group begins anew too.
func (w *world) remake() {
	for _, f := range w.source {
		f.removed = true
		f.lost = f.final == 0 && !w.safe(f)
	}
	w.life++
	w.source, w.end = nil, 0
	w.committed.source = -1
	w.say("the source topic is made anew")
	w.assign(rapid.Bool().Draw(w.T, "the owner stands still"))
}

// kept says whether whoever comes next finds a copy of f that counts.
func (w *world) kept(f *fact) bool {
	last := w.position()
	return w.copied(f, func(c retry.Copy) bool {
		late := w.ordered && c.Owner != retry.NoOwner && c.Owner < last.Owner && last.Owner < c.Offset
		return !late && !last.Done(c.Offset)
	})
}

// safe says the same of a copy that its writer has stored while it reigned: no later
// owner may pass that over.
func (w *world) safe(f *fact) bool {
	last := w.position()
	return w.copied(f, func(c retry.Copy) bool { return w.timely[c.Offset] && !last.Done(c.Offset) })
}

func (w *world) copied(f *fact, counts func(retry.Copy) bool) bool {
	for offset := w.committed.retry; offset < int64(len(w.log)); offset++ {
		c := retry.Read(w.log[offset], w.now)
		if c.Record != nil && w.factOf(c.Record) == f && counts(c) {
			return true
		}
	}
	return false
}

func (w *world) position() retry.Position {
	return retry.ParsePosition(w.committed.retry, int64(len(w.log)), w.committed.metadata)
}

// assign gives the pair of partitions to a new owner. The one before crashes, or
// stands still and does not know.
func (w *world) assign(still bool) {
	if n := len(w.owners); n > 0 && !still {
		w.say("owner %d crashes", w.owners[n-1].gen)
		w.owners = w.owners[:n-1]
	} else if n > 0 {
		w.say("owner %d stands still", w.owners[n-1].gen)
	}
	if len(w.owners) > 2 {
		w.owners = w.owners[1:]
	}
	w.gen++
	w.owners = append(w.owners, newOwner(w))
}

// store appends a copy to the log of the retry partition.
func (w *world) store(f *flight) {
	f.stored = int64(len(w.log))
	rec := *f.rec
	rec.Offset, rec.Timestamp = f.stored, w.now
	w.log, w.timely = append(w.log, &rec), append(w.timely, f.by == w.reigning())
	if f.fact == nil {
		w.say("stored at %d: the marker of owner %d", f.stored, f.by.gen)
		return
	}
	w.say("stored at %d: attempt %d of %s, by owner %d", f.stored, f.note.Attempt, f.fact, f.by.gen)
}

// land takes a copy off its way.
func (w *world) land(f *flight) {
	w.flights = slices.DeleteFunc(slices.Clone(w.flights), func(g *flight) bool { return g == f })
}

// below is a number below n. Unlike rapid's own numbers it is not mostly small: what
// can happen has no order.
func below(t *rapid.T, label string, n int) int {
	v := 0
	for range 12 {
		v *= 2
		if rapid.Bool().Draw(t, label) {
			v++
		}
	}
	return v % n
}

func pick[E any](t *rapid.T, label string, from []E) E { return from[below(t, label, len(from))] }
