package main

import "slices"

// The explanations of a record that was handled again. Each is a reason why the
// first handling could not be committed.
const (
	becauseKilled     = "a member was killed before it had committed"
	becauseLost       = "a partition was lost to another member"
	becauseCopied     = "an owner that was killed or had lost the partition had written a copy to the retry topic"
	becauseUncommit   = "commits failed while a partition was given up"
	becauseUnfinished = "it lay behind an unfinished record when its partition was given up"
)

// duplicates explains each handling of a record that had been handled before.
func (b *book) duplicates() {
	for _, runs := range b.runs {
		var before *run
		for _, r := range runs {
			if r.done == 0 {
				continue
			}
			if before != nil {
				b.duplicate(before, r)
			}
			before = r
		}
	}
}

func (b *book) duplicate(before, again *run) {
	b.told["records handled again"]++
	either := func(end string) bool { return before.term.end == end || again.term.end == end }
	switch {
	case before.term.end == endKilled:
		b.reasons[becauseKilled]++
	case before.term.end == endLost || again.term.end == endLost:
		b.reasons[becauseLost]++
	case b.copied(again):
		b.reasons[becauseCopied]++
	case before.term.cannot:
		b.reasons[becauseUncommit]++
	case b.unfinished(before.term, b.resumed(before.term, again.term), again.of.Offset):
		b.reasons[becauseUnfinished]++
	case either(endKilled):
		b.reasons[becauseKilled]++
	default:
		b.fault(unexplained, "%v: %s", again.of, b.story(again.of))
	}
}

// copied says whether an earlier owner, whose end nobody could wait for, had tried the
// record of a topic with a retry topic: it may have stored a copy after its successor
// had read on.
func (b *book) copied(r *run) bool {
	if mode, event := modeOf(r.of.Topic); !event || mode.place {
		return false
	}
	return slices.ContainsFunc(b.runs[r.of], func(o *run) bool {
		return o.began < r.began && o.term.late()
	})
}

// carriers is how often a record may be there in one generation: once, and where no
// order is kept also as the copies of other owners. Those of owners before, whose commit
// of the record itself did not get through; and, while a member that has lost the
// partition is not told yet, those that it and the owner after it write side by side.
// Each reads the other's copies as they come, and each attempt that fails leaves one.
func (b *book) carriers(r *run) int {
	n := 1
	if mode, event := modeOf(r.of.Topic); !event || mode.ordered {
		return n
	}
	for _, o := range b.runs[r.of] {
		beside := o.began < r.term.ended && r.began < o.term.ended && (o.term.late() || r.term.late())
		switch {
		case o == r:
		case beside:
			n += max(1, o.attempts-o.fine-o.letters)
		case o.began < r.began:
			n++
		}
	}
	return n
}

// resumed is the lowest offset that a generation after one began at, up to another: who
// came between may have finished what was not, and gone on behind it.
func (b *book) resumed(after, last *term) int64 {
	from := last.start
	for _, m := range b.lives {
		for _, t := range m.terms {
			if t.place == last.place && t.first > after.first && t.first < last.first {
				from = min(from, t.start)
			}
		}
	}
	return from
}

// unfinished says whether a generation left a record without a final outcome among
// those from an offset to another.
func (b *book) unfinished(t *term, from, to int64) bool {
	if mode, event := modeOf(t.Topic); event && !mode.place {
		// What waits in a retry topic is committed in the order in which it came there.
		from, to = t.start, t.newest
	}
	for offset := from; offset <= to; offset++ {
		at := where{t.place, offset}
		if b.stored[at] != nil && !t.final[offset] {
			return true
		}
	}
	return false
}
