// Package partitioner chooses the partition of each record that Siskin sends.
package partitioner

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Obey as the context of a record makes the partitioner take the partition that
// the record names. Without it a record's partition means nothing: the Kafka
// client writes there what an earlier look at the record has chosen.
var Obey context.Context = obey{context.Background()}

// Prefer as the context of a record is Obey where the topic has the partition that
// the record names. Where it has not, the record goes as if it named none.
var Prefer context.Context = prefer{context.Background()}

type (
	obey   struct{ context.Context }
	prefer struct{ context.Context }
)

// Partitioner obeys a partition where a record asks for it, hashes a key with
// murmur2 as Kafka's own clients do, and sends a request without a key to a
// partition with few pending calls; requests that come at once stay together where that
// makes nobody wait. Events without a key stay on one partition
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
// request. It is the context of the request's record, because the partition is
// only known when the Kafka client knows the topic. As a context it never ends:
// the end of one record's context would fail its neighbours in the batch.
//
// The zero value is ready to use. A Ticket must not be copied.
type Ticket struct {
	// Obey makes the partitioner take the partition that the record names.
	Obey bool

	counter  atomic.Pointer[atomic.Int32]
	released atomic.Bool

	chosen, among int     // the partition, and of how many; only the partitioner touches them
	streak        *streak // that it belongs to, or nil; written before counter
}

var _ context.Context = (*Ticket)(nil)

// Deadline is none.
func (*Ticket) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done never ends.
func (*Ticket) Done() <-chan struct{} { return nil }

// Err is nil.
func (*Ticket) Err() error { return nil }

// Value is nothing.
func (*Ticket) Value(any) any { return nil }

// Release ends the call. It may come before the partition was chosen.
func (t *Ticket) Release() {
	if !t.released.Swap(true) {
		t.uncount()
	}
}

func (t *Ticket) uncount() {
	c := t.counter.Swap(nil)
	if c == nil {
		return
	}
	c.Add(-1)
	if t.streak != nil {
		t.streak.ended()
	}
}

// take counts the call on a partition. The Kafka client can ask twice for one
// record; the last answer holds.
func (t *Ticket) take(c *atomic.Int32) {
	c.Add(1)
	if before := t.counter.Swap(c); before != nil {
		before.Add(-1)
	}
	if t.released.Load() {
		t.uncount()
	}
}

// load counts the pending calls of one topic.
type load struct {
	pending []*atomic.Int32 // by partition; only the topic's partitioner grows it
	turn    int
	limit   limit
	last    *streak // of the last request, or nil
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
	_, isRequest := r.Context.(*Ticket)
	return isRequest || r.Context == Obey || r.Context == Prefer || t.TopicPartitioner.RequiresConsistency(r)
}

func (t *topicPartitioner) Partition(r *kgo.Record, n int) int {
	ticket, isRequest := r.Context.(*Ticket)
	switch {
	case isRequest:
		chosen := t.forRequest(ticket, r, n)
		if chosen >= 0 && chosen < n {
			ticket.take(t.load.at(chosen))
		}
		return chosen
	case r.Context == Obey, r.Context == Prefer && r.Partition >= 0 && int(r.Partition) < n:
		return int(r.Partition)
	}
	return t.TopicPartitioner.Partition(r, n)
}

func (t *topicPartitioner) forRequest(ticket *Ticket, r *kgo.Record, n int) int {
	switch {
	case ticket.Obey:
		return int(r.Partition)
	case r.Key != nil:
		return t.TopicPartitioner.Partition(r, n)
	}
	// The Kafka client asks again when a record opens a batch, as each does of a
	// caller that waits for its replies. With two turns for each record such a
	// caller would never reach every other partition.
	if ticket.among != n {
		chosen, s := t.load.choose(n)
		if ticket.among == 0 { // else somebody may read it
			ticket.streak = s
		}
		ticket.chosen, ticket.among = chosen, n
	}
	return ticket.chosen
}

func (l *load) at(partition int) *atomic.Int32 {
	for len(l.pending) <= partition {
		l.pending = append(l.pending, new(atomic.Int32))
	}
	return l.pending[partition]
}

// few is how many partitions are all looked at for each request.
const few = 32

// choose goes on with the last streak, or begins one on a partition without pending
// calls, if streaks may have more than one request now.
func (l *load) choose(n int) (int, *streak) {
	if s := l.last; s != nil && s.partition < n && s.join(l.at(s.partition).Load()) {
		return s.partition, s
	}
	p := l.fewest(n)
	l.last = nil
	if l.at(p).Load() > 0 {
		return p, nil
	}
	if most := l.limit.next(); most > 1 {
		l.last = &streak{limit: &l.limit, partition: p, began: time.Now(), most: most}
		l.last.add()
	}
	return p, l.last
}

// fewest takes the partition with the fewest pending calls, and on a tie the
// next one by turn. Where there are many it takes the less busy of two picked at
// random, which is nearly as good; but as long as one can look at all, a request
// must not meet two dead servers only because those two were picked.
func (l *load) fewest(n int) int {
	l.turn = (l.turn + 1) % n
	if n > few {
		return l.ofTwo(n)
	}
	best, least := l.turn, l.at(l.turn).Load()
	for i := 1; i < n && least > 0; i++ {
		p := (l.turn + i) % n
		if busy := l.at(p).Load(); busy < least {
			best, least = p, busy
		}
	}
	l.turn = best
	return best
}

func (l *load) ofTwo(n int) int {
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
	case l.at(l.turn).Load() <= busyA:
		return l.turn
	}
	return a
}
