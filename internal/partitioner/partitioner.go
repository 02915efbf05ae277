// Package partitioner chooses the partition of each record that Siskin sends.
package partitioner

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Unset as the partition of a record leaves the choice to the partitioner.
// Every other value is obeyed.
const Unset int32 = -1

// Partitioner obeys a partition that the record names, hashes a key with
// murmur2 as Kafka's own clients do, and sends a request without a key to a
// partition with few pending calls. Events without a key stay on one partition
// until its batch is full.
type Partitioner struct {
	inner kgo.Partitioner

	mu     sync.Mutex
	topics map[string]*load
}

// New returns a partitioner for one client.
func New() *Partitioner {
	return &Partitioner{inner: kgo.StickyKeyPartitioner(nil), topics: make(map[string]*load)}
}

// ForTopic is called by the Kafka client, once a topic.
func (p *Partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.topics[topic]
	if !ok {
		l = &load{}
		p.topics[topic] = l
	}
	return &topicPartitioner{TopicPartitioner: p.inner.ForTopic(topic), load: l}
}

// Ticket counts one pending call on the partition that was chosen for its
// request. It is passed in the record's context, because the partition is only
// known when the Kafka client knows the topic.
type Ticket struct {
	context.Context // never cancelled: see the package comment of internal/pending
	counter         atomic.Pointer[atomic.Int32]
	released        atomic.Bool
}

type ticketKey struct{}

// NewTicket returns a ticket to use as the context of a request record.
func NewTicket() *Ticket { return &Ticket{Context: context.Background()} }

// Value finds the ticket itself, else nothing.
func (t *Ticket) Value(key any) any {
	if key == (ticketKey{}) {
		return t
	}
	return nil
}

// Release ends the call. It may come before the partition was chosen.
func (t *Ticket) Release() {
	if t.released.Swap(true) {
		return
	}
	if c := t.counter.Swap(nil); c != nil {
		c.Add(-1)
	}
}

func (t *Ticket) take(c *atomic.Int32) {
	c.Add(1)
	t.counter.Store(c)
	if t.released.Load() {
		if c := t.counter.Swap(nil); c != nil {
			c.Add(-1)
		}
	}
}

// load counts the pending calls of one topic.
type load struct {
	pending []*atomic.Int32 // by partition; only the topic's partitioner grows it
	turn    int
}

type topicPartitioner struct {
	kgo.TopicPartitioner
	load *load
}

// OnNewBatch is passed on, so that the inner partitioner can move.
func (t *topicPartitioner) OnNewBatch() {
	if b, ok := t.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		b.OnNewBatch()
	}
}

// RequiresConsistency is true where the number of the partition matters. For a
// request without a key it does too: pending calls are counted by number, and
// that count leads away from a partition whose leader is gone.
func (t *topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition != Unset || ticketOf(r) != nil || t.TopicPartitioner.RequiresConsistency(r)
}

func (t *topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition != Unset {
		return int(r.Partition)
	}
	ticket := ticketOf(r)
	if ticket == nil {
		return t.TopicPartitioner.Partition(r, n)
	}
	var chosen int
	if r.Key != nil {
		chosen = t.TopicPartitioner.Partition(r, n)
	} else {
		chosen = t.load.choose(n)
	}
	ticket.take(t.load.at(chosen))
	return chosen
}

func ticketOf(r *kgo.Record) *Ticket {
	if r.Context == nil {
		return nil
	}
	t, _ := r.Context.(*Ticket)
	return t
}

func (l *load) at(partition int) *atomic.Int32 {
	for len(l.pending) <= partition {
		l.pending = append(l.pending, new(atomic.Int32))
	}
	return l.pending[partition]
}

// choose takes the less busy of two partitions picked at random, and on a tie
// the next one by turn. Two choices are nearly as good as looking at all, and
// clients that know nothing of each other do not all pick the same.
func (l *load) choose(n int) int {
	if n == 1 {
		return 0
	}
	a := rand.IntN(n)
	b := rand.IntN(n - 1)
	if b >= a {
		b++
	}
	busyA, busyB := l.at(a).Load(), l.at(b).Load()
	switch {
	case busyA < busyB:
		return a
	case busyB < busyA:
		return b
	}
	l.turn = (l.turn + 1) % n
	if l.at(l.turn).Load() <= busyA {
		return l.turn
	}
	return a
}
