package main

import (
	"fmt"
	"math"
)

// member is a service process as its journal shows it.
type member struct {
	name  string
	lines []line
	runs  []*run // in the order in which they began
	terms map[termKey]*term
}

// term is one generation: a partition during one assignment to one process.
type term struct {
	member string
	termKey
	first    int64 // microseconds of the clock, when its first record began
	start    int64 // the lowest offset that it has begun
	newest   int64 // the highest
	assigned int64 // microseconds of the clock, when its partition was given to the process; 0 when that is not known
	end      string
	ended    int64          // microseconds of the clock
	cannot   bool           // a commit has failed meanwhile
	from     int64          // the lowest offset that it has begun and that cannot come from a retry topic
	final    map[int64]bool // offsets with a final outcome
	firsts   []*run         // in the order in which they began
	closed   bool
}

type termKey struct {
	place
	generation int
}

// late says whether the next owner did not wait for the end of this one.
func (t *term) late() bool { return t.end == endKilled || t.end == endLost }

// run is the handling of one record in one generation, with all its attempts.
type run struct {
	of       where
	key      string
	term     *term
	began    int64 // microseconds of the clock
	order    int   // in the process
	done     int   // in the process; 0 for one without a final outcome
	attempts int
	first    int // number of the first attempt
	last     int // number of the last attempt
	fine     int // how often an attempt went well
	letters  int
	unstored int
	gaps     int // attempts whose number does not follow the one before
}

func (r *run) String() string {
	return fmt.Sprintf("%s (generation %d, %s; %d attempts, %d fine, %d letters)",
		r.term.member, r.term.generation, r.term.end, r.attempts, r.fine, r.letters)
}

// How a generation can end.
const (
	endKilled  = "killed"
	endLost    = "lost"
	endRevoked = "revoked"
	endStopped = "stopped"
)

func newMember(l life) *member {
	m := &member{name: l.Name, lines: l.Lines, terms: make(map[termKey]*term)}
	type at struct {
		where
		generation int
	}
	open := make(map[at]*run)
	failing := false
	given := make(map[place]int64)
	for i, l := range l.Lines {
		k := at{where{place{l.Topic, l.Partition}, l.Offset}, l.Generation}
		switch l.What {
		case began:
			t := m.term(k.place, l, given[k.place])
			t.cannot = t.cannot || failing
			r := open[k]
			if r == nil {
				r = &run{of: k.where, key: l.Key, term: t, began: l.At, order: i + 1}
				open[k] = r
				m.runs, t.firsts = append(m.runs, r), append(t.firsts, r)
			}
			r.begin(l.Attempt)
		case went, lettered, unstored:
			if r := open[k]; r != nil {
				r.ends(l.What, i+1)
			}
		case assigned:
			for topic, numbers := range l.Partitions {
				for _, n := range numbers {
					given[place{topic, n}] = l.At
				}
			}
		case revoked, lost:
			m.close(l)
		case uncommit:
			failing = true
			for _, t := range m.terms {
				t.cannot = t.cannot || !t.closed
			}
		}
	}
	m.finish(l)
	return m
}

func (m *member) term(at place, l line, given int64) *term {
	k := termKey{at, l.Generation}
	t := m.terms[k]
	if t == nil {
		t = &term{member: m.name, termKey: k, assigned: given, first: l.At, start: l.Offset, from: math.MaxInt64, final: make(map[int64]bool)}
		m.terms[k] = t
	}
	t.start, t.newest = min(t.start, l.Offset), max(t.newest, l.Offset)
	if mode, event := modeOf(at.Topic); !event || mode.place || !mode.ordered && l.Attempt == 1 {
		t.from = min(t.from, l.Offset)
	}
	return t
}

// begin notes an attempt. Its number must be the next one.
func (r *run) begin(number int) {
	if r.attempts == 0 {
		r.first = number
	}
	if number != r.last+1 {
		r.gaps++
	}
	r.attempts++
	r.last = number
}

func (r *run) ends(how string, order int) {
	switch how {
	case went:
		r.fine++
	case lettered:
		r.letters++
	case unstored:
		r.unstored++
		return
	}
	r.done = order
	r.term.final[r.of.Offset] = true
}

// close ends the generations of partitions that were given up.
func (m *member) close(l line) {
	for topic, numbers := range l.Partitions {
		for _, n := range numbers {
			for _, t := range m.terms {
				if t.Topic == topic && t.Partition == n && !t.closed {
					t.closed, t.end, t.ended = true, l.What, l.At
				}
			}
		}
	}
}

// finish ends the generations that the end of the process has ended.
func (m *member) finish(l life) {
	how := endStopped
	if l.Killed {
		how = endKilled
	}
	for _, t := range m.terms {
		if !t.closed {
			t.closed, t.end, t.ended = true, how, l.Lines[len(l.Lines)-1].At
		}
	}
}
