// Package outbox gives records to a Kafka client in groups.
package outbox

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Outbox gives records to a Kafka client in the order in which they come. Without
// a linger the Kafka client sends a record as soon as it has it, so of many that
// come one by one at nearly the same time it makes many small requests, and those
// cost more than the records in them. An outbox lets everybody who is about to send
// do so first. It never waits for time to pass. Safe for concurrent use.
type Outbox struct {
	client *kgo.Client

	mu       sync.Mutex
	queue    []entry
	group    []entry // what flush gives the Kafka client now; only flush touches it
	flushing bool
	empty    sync.Cond // of mu
}

// kept is how long a queue is that is used again. A longer one is let go of: it came
// from a burst.
const kept = 4_096

type entry struct {
	record  *kgo.Record
	promise func(*kgo.Record, error)
}

// New returns an outbox of client.
func New(client *kgo.Client) *Outbox {
	o := &Outbox{client: client}
	o.empty.L = &o.mu
	return o
}

// Produce is TryProduce of the Kafka client, with the record's own context, in a
// moment. It never blocks. The record must not be touched until its promise is
// called, which never happens on the goroutine of the caller.
func (o *Outbox) Produce(record *kgo.Record, promise func(*kgo.Record, error)) {
	o.mu.Lock()
	o.queue = append(o.queue, entry{record, promise})
	begins := !o.flushing
	o.flushing = true
	o.mu.Unlock()
	if begins {
		// The goroutine that was started last is the next one to run; it sends the
		// one before it to the end of the queue. So flush comes behind all that can
		// run by now, which is where others who send are: a fetch wakes many at once.
		go o.flush()
		go func() {}()
	}
}

// flush gives the Kafka client what there is, until nothing is left.
func (o *Outbox) flush() {
	for o.next() {
		for _, e := range o.group {
			o.client.TryProduce(e.record.Context, e.record, e.promise)
		}
	}
}

// next makes a group of the queue, and reports whether there is one.
func (o *Outbox) next() bool {
	clear(o.group)
	if cap(o.group) > kept {
		o.group = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.group, o.queue = o.queue, o.group[:0]
	o.flushing = len(o.group) > 0
	if !o.flushing {
		o.empty.Broadcast()
	}
	return o.flushing
}

// Drain returns when the Kafka client has all that was produced before.
func (o *Outbox) Drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.flushing {
		o.empty.Wait()
	}
}
