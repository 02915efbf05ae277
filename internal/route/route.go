// Package route finds what serves a topic.
package route

// Table maps topics to what serves them. It is filled before the service runs
// and never changes after that, so look-ups need no lock.
type Table[H any] struct {
	exact map[string]*H
	order []string
}

// At returns the entry of topic, which it makes when there is none.
func (t *Table[H]) At(topic string) *H {
	if h, ok := t.exact[topic]; ok {
		return h
	}
	if t.exact == nil {
		t.exact = make(map[string]*H)
	}
	h := new(H)
	t.exact[topic] = h
	t.order = append(t.order, topic)
	return h
}

// Find returns the entry of topic, or nil.
func (t *Table[H]) Find(topic string) *H { return t.exact[topic] }

// Topics are the topics with an entry, in the order in which they were added.
func (t *Table[H]) Topics() []string { return t.order }
