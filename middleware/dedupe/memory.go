package dedupe

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Memory remembers in this process. It knows nothing of other instances, and ends
// with the process: it is for duplicates that come to the same instance, such as
// the second attempt of a caller with a key. Make one with NewMemory. Safe for
// concurrent use.
type Memory struct {
	bounds Bounds

	mu      sync.Mutex
	byID    map[ID]*list.Element
	oldest  list.List // of *entry, in the order in which they came
	bytes   int
	evicted int
}

type entry struct {
	id      ID
	outcome Outcome
	size    int
	at      time.Time
	offset  int64 // in the topic of a TopicStore
}

// NewMemory returns an empty memory. Its error names all wrong bounds.
func NewMemory(bounds Bounds) (*Memory, error) {
	bounds, err := bounds.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Memory{bounds: bounds, byID: make(map[ID]*list.Element)}, nil
}

// Find returns what is remembered for id. It never waits, and has no error.
func (m *Memory) Find(_ context.Context, id ID) (Outcome, bool, error) {
	o, ok := m.get(id, time.Now())
	return o, ok, nil
}

// Remember keeps an outcome. One whose replies alone are larger than the bounds is
// kept without them. It has no error.
func (m *Memory) Remember(_ context.Context, id ID, o Outcome) error {
	m.put(id, o, time.Now(), 0)
	return nil
}

// Stats are the numbers of a store.
type Stats struct {
	// Entries and Bytes are what is remembered now.
	Entries, Bytes int
	// Evicted is how many outcomes were forgotten before their Age, because
	// there were too many or they took too much. When it grows, duplicates can
	// slip through.
	Evicted int
	// Skipped is how many records of a TopicStore's topic could not be read.
	Skipped int
}

// Stats returns the numbers of the memory.
func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(time.Now())
	return Stats{Entries: len(m.byID), Bytes: m.bytes, Evicted: m.evicted}
}

func (m *Memory) get(id ID, now time.Time) (Outcome, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	// In a topic's order, an old one can stand behind a younger one.
	if at := m.byID[id]; at != nil && !m.old(at.Value.(*entry), now) {
		return at.Value.(*entry).outcome, true
	}
	return Outcome{}, false
}

// put keeps an outcome that came at the given time, unless a later one is known.
func (m *Memory) put(id ID, o Outcome, at time.Time, offset int64) {
	if o.size()+entryBytes > m.bounds.Bytes {
		o = o.withoutReplies()
	}
	now := time.Now()
	e := &entry{id: id, outcome: o, size: o.size() + entryBytes, at: at, offset: offset}
	if e.at.After(now) { // somebody's clock is ahead
		e.at = now
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if m.old(e, now) || !m.drop(id, offset) {
		return
	}
	m.byID[id] = m.oldest.PushBack(e)
	m.bytes += e.size
	for len(m.byID) > m.bounds.Entries || m.bytes > m.bounds.Bytes {
		m.remove(m.oldest.Front())
		m.evicted++
	}
}

// forget drops what was remembered for id at the offset or before it.
func (m *Memory) forget(id ID, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(id, offset)
}

// drop makes room for an outcome at the offset. It reports false when a later one
// is there.
func (m *Memory) drop(id ID, offset int64) bool {
	at := m.byID[id]
	if at == nil {
		return true
	}
	if at.Value.(*entry).offset > offset {
		return false
	}
	m.remove(at)
	return true
}

// renumber makes whatever comes next count as later than what is there.
func (m *Memory) renumber() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at := m.oldest.Front(); at != nil; at = at.Next() {
		at.Value.(*entry).offset = -1
	}
}

func (m *Memory) expire(now time.Time) {
	for at := m.oldest.Front(); at != nil && m.old(at.Value.(*entry), now); at = m.oldest.Front() {
		m.remove(at)
	}
}

func (m *Memory) old(e *entry, now time.Time) bool { return now.Sub(e.at) >= m.bounds.Age }

func (m *Memory) remove(at *list.Element) {
	e := m.oldest.Remove(at).(*entry)
	delete(m.byID, e.id)
	m.bytes -= e.size
}
