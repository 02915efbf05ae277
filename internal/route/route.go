// Package route finds what serves a topic.
package route

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Table maps topics to what serves them. It is filled before the service runs
// and never changes after that, so look-ups need no lock.
type Table[H any] struct {
	exact    map[string]*H
	order    []string
	patterns []pattern[H]
	found    sync.Map // topics that a pattern was looked up for
}

type pattern[H any] struct {
	expression *regexp.Regexp
	entry      *H
}

// Expression returns the regular expression of a name in slashes, as in
// JavaScript: "/^orders\\./". Any other name is a topic, for which ok is false.
func Expression(name string) (expression string, ok bool) {
	if len(name) < 3 || !strings.HasPrefix(name, "/") || !strings.HasSuffix(name, "/") {
		return "", false
	}
	return name[1 : len(name)-1], true
}

// At returns the entry of a topic, or of an expression in slashes that compiles,
// which it makes when there is none.
func (t *Table[H]) At(name string) *H {
	if h, ok := t.exact[name]; ok {
		return h
	}
	if t.exact == nil {
		t.exact = make(map[string]*H)
	}
	h := new(H)
	t.exact[name] = h
	if e, ok := Expression(name); ok {
		t.patterns = append(t.patterns, pattern[H]{regexp.MustCompile(e), h})
	} else {
		t.order = append(t.order, name)
	}
	return h
}

// Find returns the entry of a topic, or nil: its own, else that of the first
// expression that fits.
func (t *Table[H]) Find(topic string) *H {
	if h := t.exact[topic]; h != nil || len(t.patterns) == 0 {
		return h
	}
	if h, ok := t.found.Load(topic); ok {
		return h.(*H)
	}
	for _, p := range t.patterns {
		if p.expression.MatchString(topic) {
			t.found.Store(topic, p.entry)
			return p.entry
		}
	}
	return nil
}

// Any reports whether an entry fits.
func (t *Table[H]) Any(fits func(*H) bool) bool {
	for _, h := range t.exact {
		if fits(h) {
			return true
		}
	}
	return false
}

// Topics are the topics with an entry of their own, in the order in which they
// were added.
func (t *Table[H]) Topics() []string { return t.order }

// Check names the topics that cannot be read by name beside patterns, because an
// expression of unread fits them: the Kafka client leaves them out of both.
func (t *Table[H]) Check(unread []string) error {
	if len(t.patterns) == 0 {
		return nil
	}
	var errs []error
	out := regexp.MustCompile(strings.Join(unread, "|"))
	for _, topic := range t.order {
		if out.MatchString(topic) {
			errs = append(errs, fmt.Errorf("it reads patterns, and so cannot read %q, which they leave out; "+
				"read that topic with a service of its own", topic))
		}
	}
	return errors.Join(errs...)
}

// Patterns are the expressions, in the order in which they were added.
func (t *Table[H]) Patterns() []string {
	all := make([]string, len(t.patterns))
	for i, p := range t.patterns {
		all[i] = p.expression.String()
	}
	return all
}
