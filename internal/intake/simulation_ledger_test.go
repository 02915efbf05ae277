//go:build synctests

package intake_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The invariants: what docs/engine.md says must hold, always.
const (
	// noSkip: when the broker takes an offset, the member that commits it has
	// brought each record between the group's position and that offset to its
	// final outcome, in the generation that it commits for.
	noSkip = "no skip"
	// keyOrder: within a generation, the handlers of records with one key run
	// one after the other, in the order of their offsets. Where a retry topic keeps the
	// order, no record is handled before all earlier ones of its key have succeeded,
	// and whoever gets a record again gets all later ones of its key again.
	keyOrder = "key order"
	// oneOutcome: a record is delivered at most once in a generation, never
	// after its partition was given up, and in the end each has an outcome.
	oneOutcome = "one outcome"
	// bounds: no more than UncommittedLimit records of a partition are made to wait in
	// a retry topic, and it does not grow by copies that say nothing new; when a partition gets the records of a fetch, no more than QueueLimit
	// are in its lane and no more than UncommittedLimit in its span; handlers run
	// at most Concurrency, and one for each partition beyond that.
	bounds = "bounds"
	// progress: when nothing goes wrong any more, the positions reach the ends
	// of the logs; they never go back; and a member stops in time.
	progress = "progress"
	// oneOwner: nobody gets a partition that another member still has, unless that
	// one may have been thrown out.
	oneOwner = "one owner"
	// handOver: what was finished before a partition is given up in order is
	// committed by then.
	handOver = "hand over"
	// attempts: with order, an attempt that is stored is never made again, nor an
	// earlier one, but when its outcome was not committed.
	attempts = "attempts"
	// dueTime: nothing that waits runs before it is due.
	dueTime = "due time"
)

// place is a partition.
type place struct {
	topic     string
	partition int32
}

func placeOf(r *kgo.Record) place { return place{r.Topic, r.Partition} }

func (p place) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// ledger knows what has happened to each record. Outcomes are written down
// before the engine is told, so the engine can never know more.
type ledger struct {
	settings settings
	began    time.Time

	mu      sync.Mutex
	logs    map[place]*history
	members map[string]*account
	trouble time.Time // when something last went wrong
	found   []string
	lines   []string
}

// history is what is known of a partition's records.
type history struct {
	from      int64              // the first record that must be handled
	committed int64              // how far the group's position ever was, or -1
	outcomes  map[int64]struct{} // records with an outcome that counts
	copies    copies
}

// account is what is known of one member.
type account struct {
	name        string
	gone        bool // killed or stopped: what it does no longer counts
	generations map[place]*generation
	contexts    map[context.Context]*generation // one for each partition, and one for its retry partition
	running     int                             // handlers, for the partitions that it owns
	leaving     time.Time                       // when it was told to stop, if it was
	refused     time.Time                       // when the broker last refused its commit
	failing     bool                            // it has said that it cannot commit
	heard       time.Time                       // its last heartbeat, if there was one
}

func newLedger(s script) *ledger {
	l := &ledger{
		settings: s.settings, began: time.Now(), logs: make(map[place]*history), members: make(map[string]*account),
	}
	for topic, partitions := range s.topics {
		for n := range partitions {
			l.logs[place{topic, n}] = &history{committed: -1, outcomes: make(map[int64]struct{}), copies: newCopies()}
		}
	}
	return l
}

// breaks notes that an invariant does not hold.
func (l *ledger) breaks(invariant, format string, args ...any) {
	if what := fmt.Sprintf(format, args...); len(l.found) < 10 {
		l.found = append(l.found, fmt.Sprintf("%s: at %v, %s", invariant, time.Since(l.began), what))
		l.writes("BROKEN: %s: %s", invariant, what)
	}
}

// broken are the invariants that did not hold.
func (l *ledger) broken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found
}

// writes adds a line to the story.
func (l *ledger) writes(format string, args ...any) {
	if *oneSeed != 0 {
		l.lines = append(l.lines, fmt.Sprintf("%12v "+format, append([]any{time.Since(l.began)}, args...)...))
	}
}

// tells adds a line to the story.
func (l *ledger) tells(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes(format, args...)
}

// story is what has happened, when only one seed is played.
func (l *ledger) story() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// strikes notes that something goes wrong now.
func (l *ledger) strikes(what fmt.Stringer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = time.Now()
	l.writes("trouble: %v", what)
}

// starts notes where the group begins when it does not begin with the first
// record.
func (l *ledger) starts(ends map[place]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, end := range ends {
		l.logs[p].from = end
	}
}

// started checks that the group's start is stored.
func (l *ledger) started() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, h := range l.logs {
		if h.committed != h.from {
			l.breaks(noSkip, "Joined was called, but the group starts %v at %d, want %d", p, h.committed, h.from)
		}
	}
}

func (l *ledger) joins(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[who] = &account{
		name: who, generations: make(map[place]*generation), contexts: make(map[context.Context]*generation),
	}
	l.writes("%s joins", who)
}

// dies notes that a member was killed, after its network was.
func (l *ledger) dies(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[who].gone = true
	l.trouble = time.Now()
	l.writes("%s is killed", who)
}

// mostStop is how long a member may take to stop beyond Drain: a commit that is
// under way, the last commit and the leave.
const mostStop = 5*time.Second + 5*time.Second + 3*time.Second + 2*time.Second

// stopped notes that a member has ended in order.
func (l *ledger) stopped(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.members[who]
	if a.gone {
		return
	}
	took := time.Since(a.leaving)
	l.writes("%s has stopped after %v", who, took)
	if took > l.settings.drain+mostStop {
		l.breaks(progress, "%s has stopped only after %v, Drain is %v", who, took, l.settings.drain)
	}
	for _, g := range a.generations {
		if !g.givenUp {
			l.handsOver(a, g)
		}
	}
	a.gone = true
}

// emitted learns from a member's events which partitions it owns.
func (l *ledger) emitted(who string, e events.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.members[who]
	if a.gone {
		return
	}
	l.writes("%s: %s %v", who, e.Message(), e.Attrs())
	switch e := e.(type) {
	case events.PartitionsAssigned:
		each(e.Partitions, func(p place) { l.owns(a, p) })
	case events.PartitionsRevoked:
		each(e.Partitions, func(p place) { l.givesUp(a, p, e.Lost) })
	case events.CommitFailed:
		a.failing = true
	}
}

func each(topics map[string][]int32, do func(place)) {
	for topic, numbers := range topics {
		for _, n := range numbers {
			do(place{topic, n})
		}
	}
}

func (l *ledger) givesUp(a *account, p place, lost bool) {
	g := a.generations[p]
	if g == nil || g.givenUp {
		return
	}
	if !lost {
		l.handsOver(a, g)
	}
	g.givenUp = true
	a.running -= g.running
}

// leaves notes that a member is told to stop.
func (l *ledger) leaves(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[who].leaving = time.Now()
	l.writes("%s leaves", who)
}

// commits checks an offset that the broker is about to take.
func (l *ledger) commits(who string, p place, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, a := l.logs[p], l.members[who]
	l.writes("%s commits %v at %d", who, p, offset)
	g := a.generations[p]
	if g == nil {
		l.breaks(noSkip, "%s commits %v at %d, but never owned it", who, p, offset)
		return
	}
	for at := max(h.from, h.committed); at < offset; at++ {
		if d := g.deliveries[at]; (d == nil || !d.settled) && !h.copies.has(at) {
			l.breaks(noSkip, "%s commits %v at %d, but record %d has no final outcome there: %v", who, p, offset, at, d)
			break
		}
	}
	if offset < h.committed {
		l.breaks(progress, "%s commits %v at %d after %d", who, p, offset, h.committed)
	}
	h.committed = max(h.committed, offset)
	g.position = offset
	a.failing = false
}

// refused notes that the broker does not take a commit.
func (l *ledger) refused(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.members[who]; a != nil {
		a.refused = time.Now()
	}
	l.writes("a commit of %s is refused", who)
}

// isAt reports whether the group's position in a partition is where it should be
// in the end.
func (l *ledger) isAt(p place, committed, end int64) bool {
	h := l.logs[p]
	return committed == end || end == h.from
}

// isFinished reports whether there is nothing left to do.
func (l *ledger) isFinished(ends, committed map[place]int64) bool {
	if l.missing(ends) > 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, end := range ends {
		if !l.isAt(p, committed[p], end) {
			return false
		}
	}
	return true
}

// missing counts the records up to ends that have no outcome.
func (l *ledger) missing(ends map[place]int64) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, end := range ends {
		for at := l.logs[p].from; at < end; at++ {
			if _, ok := l.logs[p].outcomes[at]; !ok {
				n++
			}
		}
	}
	return n
}

// closes checks what must be true in the end.
func (l *ledger) closes(ends, committed map[place]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, end := range ends {
		h := l.logs[p]
		if !l.isAt(p, committed[p], end) {
			l.breaks(progress, "%v is committed at %d, its end is %d", p, committed[p], end)
		}
		for at := h.from; at < end; at++ {
			if _, ok := h.outcomes[at]; !ok {
				l.breaks(oneOutcome, "record %d of %v has none", at, p)
				break
			}
		}
	}
}
