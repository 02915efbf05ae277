package proof_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ledger holds what was sent beside what the services say they have done.
type ledger struct {
	guarded
	stored map[note]place // events that the broker has confirmed, and where
	done   map[note]int   // events by how often a handler has finished them
	lost   int            // events that are stored and not yet done

	lastStored, lastDone map[string]int // highest number by key

	requests    map[place]int // by how often a handler has finished them
	runs        map[run]*state
	began       time.Time
	marks       []string // what happened when, in words
	assignments []assignment
	busy        map[seat]int // handlers that run now
	mostBusy    int
	faults      []string
	disorder    int
	overlap     int
}

// place is a record in Kafka.
type place struct {
	partition
	offset int64
}

// run is what has an order: one key, during one assignment of its partition to
// one process.
type run struct {
	member     string
	partition  partition
	generation int
	key        string
}

// seat is where handlers run at the same time.
type seat struct {
	member    string
	partition partition
}

// state is where a run is.
type state struct {
	offset  int64 // of the last record that has begun
	seq     int
	running bool
}

// assignment is partitions that a member was given or gave up.
type assignment struct {
	at     time.Time
	member string
	line   line
}

func newLedger() *ledger {
	return &ledger{
		began:  time.Now(),
		stored: make(map[note]place), done: make(map[note]int),
		lastStored: make(map[string]int), lastDone: make(map[string]int),
		requests: make(map[place]int), runs: make(map[run]*state), busy: make(map[seat]int),
	}
}

// store notes an event that the broker has confirmed.
func (l *ledger) store(n note, at place) {
	l.update(func() {
		l.stored[n] = at
		l.lastStored[n.Key] = max(l.lastStored[n.Key], n.Seq)
		if l.done[n] == 0 {
			l.lost++
		}
	})
}

// hear notes a line of a member.
func (l *ledger) hear(member string, said line) {
	l.update(func() {
		switch said.What {
		case "begin":
			l.begin(member, said)
		case "done":
			l.finish(member, said)
		case "assigned", "revoked", "lost":
			l.assignments = append(l.assignments, assignment{time.Now(), member, said})
			l.mark("%s %s %s", member, said.What, formatPartitions(said.Partitions))
		case "commit failed":
			l.mark("%s cannot commit: %s", member, said.Reason)
		}
	})
}

func runOf(member string, said line) run {
	return run{member, partition{said.Topic, said.Partition}, said.Generation, said.Key}
}

func (l *ledger) begin(member string, said line) {
	at := seat{member, partition{said.Topic, said.Partition}}
	l.busy[at]++
	l.mostBusy = max(l.mostBusy, l.busy[at])
	if said.Key == "" {
		return // no key, no order
	}
	r := runOf(member, said)
	s := l.runs[r]
	if s == nil {
		s = &state{offset: -1, seq: -1}
		l.runs[r] = s
	}
	if s.running {
		l.overlap++
		l.fault("%+v: offset %d began while %d was running", r, said.Offset, s.offset)
	}
	// Requests are sent from many goroutines: their numbers have no order.
	if said.Offset <= s.offset || said.Handler == "event" && said.Seq <= s.seq {
		l.disorder++
		l.fault("%+v: number %d at offset %d began after number %d at offset %d", r, said.Seq, said.Offset, s.seq, s.offset)
	}
	*s = state{offset: said.Offset, seq: said.Seq, running: true}
}

func (l *ledger) finish(member string, said line) {
	l.busy[seat{member, partition{said.Topic, said.Partition}}]--
	if s := l.runs[runOf(member, said)]; s != nil && s.offset == said.Offset {
		s.running = false
	}
	if said.Handler == "request" {
		l.requests[place{partition{said.Topic, said.Partition}, said.Offset}]++
		return
	}
	n := note{said.Key, said.Seq}
	if l.done[n]++; l.done[n] == 1 {
		if _, stored := l.stored[n]; stored {
			l.lost--
		}
	}
	l.lastDone[n.Key] = max(l.lastDone[n.Key], n.Seq)
}

// mostFaults bounds what a failure prints.
const mostFaults = 20

func (l *ledger) fault(format string, args ...any) {
	if len(l.faults) < mostFaults {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

// note says in the report what the test does.
func (l *ledger) note(what string) { l.update(func() { l.mark("%s", what) }) }

func (l *ledger) mark(format string, args ...any) {
	l.marks = append(l.marks, fmt.Sprintf("%6.2f s  %s", time.Since(l.began).Seconds(), fmt.Sprintf(format, args...)))
}

func formatPartitions(byTopic map[string][]int32) string {
	var all []string
	for topic, numbers := range byTopic {
		base, _, _ := strings.Cut(topic, "-")
		slices.Sort(numbers)
		all = append(all, fmt.Sprintf("%s %v", base, numbers))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// flows waits until each key has moved: an event that is not yet stored now is
// handled. Whatever happened to members or broker is then over for all
// partitions.
func (l *ledger) flows(t *testing.T) {
	t.Helper()
	from := make(map[string]int)
	l.read(func() {
		for key, seq := range l.lastStored {
			from[key] = seq
		}
	})
	l.wait(t, "not every key's events are handled", func() bool {
		for key, seq := range from {
			if l.lastDone[key] <= seq {
				return false
			}
		}
		return true
	})
}

// moves waits until another n events are handled.
func (l *ledger) moves(t *testing.T, n int) {
	t.Helper()
	var from int
	l.read(func() { from = len(l.done) })
	l.wait(t, "the events do not move on", func() bool { return len(l.done) >= from+n })
}

// settles waits until each stored event is handled. How many are not is for
// check to say.
func (l *ledger) settles() { l.await(func() bool { return l.lost == 0 }) }

// owned waits until a member was given partitions since from, and returns when.
func (l *ledger) owned(t *testing.T, member string, from time.Time) time.Time {
	t.Helper()
	var when time.Time
	l.wait(t, member+" is given no partitions", func() bool {
		i := slices.IndexFunc(l.assignments, func(a assignment) bool {
			return a.member == member && a.line.What == "assigned" && a.at.After(from)
		})
		if i >= 0 {
			when = l.assignments[i].at
		}
		return i >= 0
	})
	return when
}

// check fails t for whatever must not be.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	l.read(func() {
		if l.lost > 0 {
			t.Errorf("%d stored events were never handled:%s", l.lost, l.missing())
		}
		if l.disorder > 0 {
			t.Errorf("%d records began out of the order of their key", l.disorder)
		}
		if l.overlap > 0 {
			t.Errorf("%d records began beside another one of their key", l.overlap)
		}
		for _, f := range l.faults {
			t.Log(f)
		}
		keyed := make(map[int32]bool)
		for r := range l.runs {
			keyed[r.partition.number] = true
		}
		if len(keyed) != partitions {
			t.Errorf("the keys reach %d partitions, want %d: the test shows too little", len(keyed), partitions)
		}
	})
}

// missing says where the events are that nobody has handled: an end that nobody
// reads, or a gap that was jumped over.
func (l *ledger) missing() string {
	gaps := make(map[partition][]int64)
	end := make(map[partition]int64) // the highest offset handled
	for n, at := range l.stored {
		if l.done[n] == 0 {
			gaps[at.partition] = append(gaps[at.partition], at.offset)
		} else {
			end[at.partition] = max(end[at.partition], at.offset)
		}
	}
	var all []string
	for p, offsets := range gaps {
		all = append(all, fmt.Sprintf("\n\t%s/%d: %d from offset %d to %d; the last one handled is %d",
			p.topic, p.number, len(offsets), slices.Min(offsets), slices.Max(offsets), end[p]))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// tell adds what happened to members and broker.
func (l *ledger) tell(r *report) { l.read(func() { r.story = slices.Clone(l.marks) }) }

// report adds what was counted.
func (l *ledger) report(r *report) {
	l.read(func() {
		again := 0
		for _, times := range l.done {
			again += times - 1
		}
		requestsAgain := 0
		for _, times := range l.requests {
			requestsAgain += times - 1
		}
		r.add("events stored", "%d", len(l.stored))
		r.add("events lost", "%d", l.lost)
		r.add("events handled again", "%d", again)
		r.add("requests handled", "%d", len(l.requests))
		r.add("requests handled again", "%d", requestsAgain)
		r.add("most handlers at once on a partition", "%d", l.mostBusy)
		r.add("disorder within a generation", "%d", l.disorder)
		r.add("overlap within a key", "%d", l.overlap)
		for _, what := range []string{"assigned", "revoked", "lost"} {
			r.add("partitions "+what, "%d times", len(slices.DeleteFunc(slices.Clone(l.assignments),
				func(a assignment) bool { return a.line.What != what })))
		}
	})
}
