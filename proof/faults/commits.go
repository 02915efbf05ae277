package main

import (
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
)

// commits looks at what the group was seen to have committed: a generation must not
// begin before it, and nothing may take it back. A broker can take the last commit of
// the owner before so late that the new owner does not find it; so only what was seen
// before the new owner was told of its partition counts.
func (b *book) commits() {
	byPlace := make(map[place][]commit)
	for _, c := range b.h.Commits {
		byPlace[c.place] = append(byPlace[c.place], c)
	}
	changes := b.assignments()
	for _, m := range b.lives {
		for _, t := range m.terms {
			for _, c := range byPlace[t.place] {
				if c.At < t.assigned && c.Offset > t.from {
					b.fault(rewound, "%s, generation %d of %v began at %d, %d was committed",
						t.member, t.generation, t.place, t.from, c.Offset)
					break
				}
			}
		}
	}
	for at, seen := range byPlace {
		for i := range seen {
			if i > 0 && seen[i].Offset < seen[i-1].Offset && !moved(changes[source(at)], seen[i-1].At, seen[i].At) {
				b.fault(rewound, "the commit of %v went from %d (seen at %d) back to %d (at %d)",
					at, seen[i-1].Offset, seen[i-1].At, seen[i].Offset, seen[i].At)
			}
		}
	}
}

// source is the partition that a partition of a retry topic goes with.
func source(at place) place {
	at.Topic = strings.TrimSuffix(at.Topic, "-"+group+wire.ServerPostfix+wire.RetrySuffix)
	return at
}

// assignments are when each partition was given to somebody.
func (b *book) assignments() map[place][]int64 {
	all := make(map[place][]int64)
	for _, m := range b.lives {
		for _, l := range m.lines {
			if l.What == assigned {
				for topic, numbers := range l.Partitions {
					for _, n := range numbers {
						all[place{topic, n}] = append(all[place{topic, n}], l.At)
					}
				}
			}
		}
	}
	return all
}

// settling is how long before a commit is seen its partition can have moved.
const settling = 5 * time.Second

// moved says whether a partition was given to somebody in a span of time.
func moved(changes []int64, from, to int64) bool {
	for _, at := range changes {
		if at > from-settling.Microseconds() && at < to {
			return true
		}
	}
	return false
}
