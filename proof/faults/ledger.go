package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ledger is what comes of a history: the counts that must be zero, and those that
// tell how much was done.
type ledger struct {
	Faults []count // must be zero
	Told   []count
	// Duplicates are handlings of records that had been handled before, by reason.
	Duplicates map[string]int
	Calls      map[string]int // by how they ended
	Examples   []string       // of what must not be, a few of each kind
}

// count is one line of the ledger.
type count struct {
	Name string
	N    int64
}

// The faults.
const (
	lostAcked    = "acknowledged events neither handled nor dead-lettered"
	lostStored   = "stored events, not acknowledged, neither handled nor dead-lettered"
	gone         = "acknowledged events that the brokers do not have"
	outOfOrder   = "records of a key begun out of order within a generation"
	overtaken    = "records begun before the end of an earlier one of their key, where order is asked"
	sentOrder    = "events of a key stored in another order than they were sent"
	unanswered   = "requests neither answered nor failed by name at their deadline"
	wrongAnswer  = "answers that are not those of their request"
	causeless    = "dead letters without cause"
	undead       = "events handled although they should be dead letters"
	unexplained  = "duplicates without explanation"
	rewound      = "generations that began before what was committed"
	miscounted   = "attempts that were counted wrongly"
	offsetsLost  = "positions that were no longer in the log"
	leftRunning  = "goroutines left when a service had stopped"
	overfull     = "queues or heaps beyond their bound"
	unaccounted  = "records of the topics that nobody sent"
	strangers    = "handlings of records that are not stored"
	maxExamples  = 5
	heapBound    = 256 << 20
	waitingBound = 10_000 + 10_000 // Config.QueueLimit and what one fetch brings
	spanBound    = 10_000 + 10_000 // Config.UncommittedLimit and what one fetch brings
	bytesBound   = (16 + 2) << 20  // Config.QueueBytes and what one fetch brings
)

var faultNames = []string{
	lostAcked, lostStored, gone, outOfOrder, overtaken, sentOrder, unanswered, wrongAnswer, causeless, undead,
	unexplained, rewound, miscounted, offsetsLost, leftRunning, overfull, unaccounted, strangers,
}

// judge computes the ledger of a history.
func judge(h *history) *ledger {
	b := newBook(h)
	b.delivery()
	b.sentOrder()
	b.letters()
	b.requests()
	b.order()
	b.duplicates()
	b.commits()
	b.bounds()
	return b.ledger()
}

// book is a history, indexed, with the faults found so far.
type book struct {
	h       *history
	stored  map[where]*stored
	runs    map[where][]*run // by record, in the order of time
	lives   []*member
	dead    map[where]int
	faults  map[string]int64
	reasons map[string]int
	told    map[string]int64
	shown   []string
}

func newBook(h *history) *book {
	b := &book{
		h: h, stored: make(map[where]*stored), runs: make(map[where][]*run), dead: make(map[where]int),
		faults: make(map[string]int64), reasons: make(map[string]int), told: make(map[string]int64),
	}
	for i := range h.Stored {
		b.stored[h.Stored[i].where] = &h.Stored[i]
	}
	for _, l := range h.Lives {
		m := newMember(l)
		b.lives = append(b.lives, m)
		for _, r := range m.runs {
			b.runs[r.of] = append(b.runs[r.of], r)
		}
	}
	b.untold()
	for _, runs := range b.runs {
		slices.SortStableFunc(runs, func(a, b *run) int { return cmp.Compare(a.began, b.began) })
	}
	for _, l := range h.Letters {
		b.dead[l.of]++
	}
	return b
}

// untold finds the owners that stopped before they were told that their partition was
// somebody else's: it was given away meanwhile, and the group took no commit of theirs.
func (b *book) untold() {
	changes := b.assignments()
	for _, m := range b.lives {
		for _, t := range m.terms {
			given := func(at int64) bool { return t.assigned > 0 && at > t.assigned && at < t.ended }
			if t.end == endStopped && t.cannot && slices.ContainsFunc(changes[t.place], given) {
				t.end = endLost
			}
		}
	}
}

func (b *book) fault(name, format string, args ...any) {
	if b.faults[name]++; b.faults[name] <= maxExamples {
		b.shown = append(b.shown, name+": "+fmt.Sprintf(format, args...))
	}
}

// handled says whether a handler has ended well for the record, in any generation.
func (b *book) handled(at where) bool {
	return slices.ContainsFunc(b.runs[at], func(r *run) bool { return r.fine > 0 })
}

// delivery looks for events that were lost, and for such that are not what the
// handlers made of them.
func (b *book) delivery() {
	acked := make(map[where]bool)
	for _, s := range b.h.Sent {
		if !s.Acked {
			continue
		}
		at := where{place{s.Topic, s.Partition}, s.Offset}
		acked[at] = true
		if got := b.stored[at]; got == nil || got.note != s.note {
			b.fault(gone, "%+v", s)
		}
	}
	for at, s := range b.stored {
		if s.Fate == unknown {
			b.fault(unaccounted, "%v", at)
		}
		if at.Topic == requestTopic {
			continue
		}
		b.told["events stored"]++
		switch {
		case b.handled(at) && s.Fate.dies():
			b.fault(undead, "%v, %s", at, s.Fate)
		case b.handled(at) || b.dead[at] > 0:
		case acked[at]:
			b.fault(lostAcked, "%v, %s: %s", at, s.Fate, b.story(at))
		default:
			b.fault(lostStored, "%v, %s: %s", at, s.Fate, b.story(at))
		}
	}
	for at := range b.runs {
		if b.stored[at] == nil {
			b.fault(strangers, "%v", at)
		}
	}
	b.told["events acknowledged"] = int64(len(acked))
	b.told["events sent"] = int64(len(b.h.Sent))
}

// story says who has handled a record.
func (b *book) story(at where) string {
	var parts []string
	for _, r := range b.runs[at] {
		parts = append(parts, r.String())
	}
	return cmp.Or(strings.Join(parts, ", "), "nobody has begun it")
}

// sentOrder compares the order in which events of a key were sent with that of
// their offsets.
func (b *book) sentOrder() {
	type key struct{ topic, key string }
	byKey := make(map[key][]*stored)
	for i := range b.h.Stored {
		if s := &b.h.Stored[i]; s.Topic != requestTopic { // requests are sent side by side
			byKey[key{s.Topic, s.Key}] = append(byKey[key{s.Topic, s.Key}], s)
		}
	}
	for _, all := range byKey {
		slices.SortFunc(all, func(a, b *stored) int { return cmp.Compare(a.Offset, b.Offset) })
		for i, s := range all[1:] {
			switch before := all[i]; {
			case s.Seq < before.Seq:
				b.fault(sentOrder, "%v: number %d behind %d", s.where, s.Seq, before.Seq)
			case s.Seq == before.Seq:
				b.reasons["stored twice by its producer"]++
			}
		}
	}
}

// letters looks for dead letters that should not be.
func (b *book) letters() {
	for _, l := range b.h.Letters {
		b.told["dead letters"]++
		s := b.stored[l.of]
		if s == nil {
			b.fault(causeless, "%+v stands for no record", l)
			continue
		}
		if !l.fits(s.Fate) {
			b.fault(causeless, "%+v, whose record %s", l, s.Fate)
			continue
		}
		if s.Fate == panics || s.Fate == hangs {
			enough := slices.ContainsFunc(b.runs[l.of], func(r *run) bool { return r.last >= attempts })
			if !enough {
				b.fault(causeless, "%+v, after too few attempts: %s", l, b.story(l.of))
			}
		}
	}
	for at, n := range b.dead {
		// Each generation that tried the record may have stored one, and each failure
		// that was told about may have stored one all the same.
		may := 0
		for _, r := range b.runs[at] {
			may += b.carriers(r) + r.unstored
		}
		if n > 1 {
			b.reasons["dead letter of a record that was done again"] += min(n, may) - 1
		}
		if n > may && may > 0 {
			b.fault(unexplained, "%d dead letters of %v: %s", n, at, b.story(at))
		}
	}
}

// fits says whether the error of a letter is the one that a record with this fate
// has.
func (l letter) fits(f fate) bool {
	switch f {
	case poison:
		return strings.HasSuffix(l.errorType, "siskin.DecodeError")
	case panics:
		return strings.HasSuffix(l.errorType, "outcome.Panic") && strings.Contains(l.message, "panics as it should")
	case hangs:
		return strings.HasSuffix(l.errorType, "siskin.Error") && strings.Contains(l.message, "the handler took too long")
	}
	return false
}

// requests looks for calls that had no end.
func (b *book) requests() {
	for _, c := range b.h.Calls {
		b.told["requests"]++
		switch {
		case !c.Ended || c.Name == "":
			b.fault(unanswered, "%+v", c)
		case c.Took > callTimeout+callGrace:
			b.fault(unanswered, "%+v: too late", c)
		case c.Wrong:
			b.fault(wrongAnswer, "%+v", c)
		}
	}
}

// bounds looks at what the services said about themselves.
func (b *book) bounds() {
	most := func(name string, n int64) { b.told[name] = max(b.told[name], n) }
	for _, m := range b.lives {
		for _, l := range m.lines {
			switch l.What {
			case sampled:
				most("most heap, MiB", int64(l.Heap>>20))
				most("most goroutines", int64(l.Goroutines))
				most("most records of a partition in its queue", int64(l.Waiting))
				most("longest span of a partition", int64(l.Span))
				most("most KiB of unfinished records of a partition", int64(l.Bytes>>10))
				if l.Heap > heapBound || l.Waiting > waitingBound || l.Span > spanBound || l.Bytes > bytesBound {
					b.fault(overfull, "%s: %+v", m.name, l)
				}
			case dataLost:
				b.fault(offsetsLost, "%s: %+v", m.name, l)
			case ended:
				if l.Left > 0 {
					b.faults[leftRunning] += int64(l.Left) - 1
					b.fault(leftRunning, "%s: %d", m.name, l.Left)
				}
				if l.Text != "" {
					b.told["services that ended before their handlers were done"]++
				}
			}
		}
	}
}

func (b *book) ledger() *ledger {
	l := &ledger{Duplicates: b.reasons, Calls: make(map[string]int), Examples: b.shown}
	for _, name := range faultNames {
		l.Faults = append(l.Faults, count{name, b.faults[name]})
	}
	for name, n := range b.told {
		l.Told = append(l.Told, count{name, n})
	}
	slices.SortFunc(l.Told, func(a, b count) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range b.h.Calls {
		l.Calls[cmp.Or(c.Name, "no end")]++
	}
	return l
}

// clean says whether nothing is there that must not be.
func (l *ledger) clean() bool {
	return !slices.ContainsFunc(l.Faults, func(c count) bool { return c.N != 0 })
}
