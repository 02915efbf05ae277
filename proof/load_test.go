package proof_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Rates of the load, a second.
const (
	eventRate   = 200
	requestRate = 200
	keys        = 16
	batch       = 4 // events that a key sends at a time
)

// load sends until it is stopped.
type load struct {
	client  *siskin.Client
	ledger  *ledger
	calls   calls
	refused calls // batches of events that were not confirmed
	stopped chan struct{}
	running sync.WaitGroup
}

// newLoad returns a load with a client for the topics, which are made.
func newLoad(t *testing.T, l *ledger, brokers []string, timeout time.Duration) *load {
	t.Helper()
	cfg := config(brokers, "", t.Output())
	cfg.Timeout = timeout
	return &load{client: siskintest.Client(t, cfg), ledger: l, stopped: make(chan struct{})}
}

// stop ends the load and waits until its last call has ended.
func (l *load) stop() {
	close(l.stopped)
	l.running.Wait()
}

// events sends numbered events under several keys. Each key waits for the broker
// before it sends its next ones, so that their numbers are stored in order.
func (l *load) events(topic string) {
	const every = time.Second * keys * batch / eventRate
	for k := range keys {
		key := fmt.Sprintf("key-%d", k)
		l.running.Go(func() {
			l.paced(every, func(i int) { l.emit(topic, key, i*batch) })
		})
	}
}

func (l *load) emit(topic, key string, first int) {
	notes := make([]note, batch)
	for i := range notes {
		notes[i] = note{key, first + i}
	}
	metas, err := siskin.NewEvent[note](topic).EmitBatch(context.Background(), l.client, notes, siskin.WithKey(key))
	for i, m := range metas {
		if m.Offset >= 0 {
			l.ledger.store(notes[i], place{partition{m.Topic, m.Partition}, m.Offset})
		}
	}
	if err != nil {
		l.refused.run(func() call { return call{at: time.Now(), err: err} })
	}
}

// requests sends requests whether or not earlier ones are answered: with keys,
// or to partitions of the client's choice.
func (l *load) requests(topic string, keyed bool) {
	l.running.Go(func() {
		l.paced(time.Second/requestRate, func(i int) {
			n, opts := note{Seq: i}, []siskin.CallOption(nil)
			if keyed {
				n.Key = fmt.Sprintf("key-%d", i%keys)
				opts = append(opts, siskin.WithKey(n.Key))
			}
			l.running.Go(func() { l.calls.run(func() call { return ask(l.client, topic, n, opts...) }) })
		})
	})
}

// paced calls do at a steady pace until the load is stopped. A call that is due
// late is made at once, so the pace holds over a stall.
func (l *load) paced(every time.Duration, do func(i int)) {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		timer.Reset(time.Until(begin.Add(time.Duration(i) * every)))
		select {
		case <-timer.C:
			do(i)
		case <-l.stopped:
			return
		}
	}
}
