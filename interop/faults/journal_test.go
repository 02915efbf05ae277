package faults_test

import (
	"encoding/json"
	"slices"
	"sync"
)

// entry is one thing that a server or a client said.
type entry struct {
	// Did is "start" and "end" of a handler, "ready", "refused", "failed",
	// "crashed" and "closed" of a program, "complaint" of its log, and "next",
	// "complete" and "error" of a call.
	Did     string          `json:"did"`
	Handler int             `json:"handler"`
	N       int             `json:"n"`
	Attempt int             `json:"attempt"`
	Call    int             `json:"call"`
	Value   json.RawMessage `json:"value"`
	Text    string          `json:"text"`
	Real    bool            `json:"real"` // the error is an error to its language
}

// journal is what was said, in its order. Safe for concurrent use.
type journal struct {
	mu      sync.Mutex
	entries []entry
	changed chan struct{}
}

func newJournal() *journal { return &journal{changed: make(chan struct{})} }

func (j *journal) add(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) now() ([]entry, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries), j.changed
}

// position of the first entry that fits, or -1.
func position(entries []entry, fits func(entry) bool) int { return slices.IndexFunc(entries, fits) }

func count(entries []entry, fits func(entry) bool) (n int) {
	for _, e := range entries {
		if fits(e) {
			n++
		}
	}
	return n
}

// did fits entries of one kind, and of the numbers when there are some.
func did(what string, n ...int) func(entry) bool {
	return func(e entry) bool { return e.Did == what && (len(n) == 0 || slices.Contains(n, e.N)) }
}
