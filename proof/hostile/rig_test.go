package hostile_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// rig is a broker with settings, a client that writes what it likes, and all that
// happens.
type rig struct {
	cfg   siskin.Config
	kafka *kgo.Client

	mu      sync.Mutex
	seen    []events.Event
	handled map[events.Position][]events.Handled
	changed chan struct{}
}

func newRig(tb testing.TB) *rig {
	tb.Helper()
	r := &rig{handled: make(map[events.Position][]events.Handled), changed: make(chan struct{})}
	r.cfg = siskintest.Config(tb)
	r.cfg.Logger, r.cfg.Observe = siskintest.Quiet(), r.observe
	r.cfg.RetryAttempts, r.cfg.RetryInitial, r.cfg.RetryLongest = 2, time.Millisecond, time.Millisecond
	r.cfg.CommitInterval, r.cfg.Timeout = time.Millisecond, patience
	var err error
	r.kafka, err = kgo.NewClient(kgo.SeedBrokers(r.cfg.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.kafka.Close)
	return r
}

func (r *rig) observe(e events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, ok := e.(events.Handled); ok {
		r.handled[h.Position] = append(r.handled[h.Position], h)
	} else {
		r.seen = append(r.seen, e)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until ok, which looks at the rig.
func (r *rig) await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		done, changed := ok(), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-limit:
			tb.Fatalf("gave up waiting for %s; the last events are %v", what, r.seen[max(0, len(r.seen)-5):])
		}
	}
}

// outcome waits for the outcome of a record.
func (r *rig) outcome(tb testing.TB, at events.Position) (h events.Handled) {
	tb.Helper()
	r.await(tb, "the outcome of a record", func() bool {
		if all := r.handled[at]; len(all) > 0 {
			h = all[0]
		}
		return len(r.handled[at]) > 0
	})
	return h
}

// once checks that no record had two outcomes.
func (r *rig) once(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, all := range r.handled {
		if len(all) != 1 {
			tb.Errorf("%v had %d outcomes: %v", at, len(all), all)
		}
	}
}

func contextOf(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// topic makes a topic of one partition.
func (r *rig) topic(tb testing.TB, base string) string {
	tb.Helper()
	return r.topicNamed(tb, siskintest.Name(base))
}

func (r *rig) topicNamed(tb testing.TB, name string) string {
	tb.Helper()
	if err := testtopics.Create(contextOf(tb), kadm.NewClient(r.kafka), 1, nil, name); err != nil {
		tb.Fatal(err)
	}
	return name
}

// store writes a batch and returns where its first record is, or the broker's
// refusal.
func (r *rig) store(tb testing.TB, topic string, partition int32, b hostile.Batch) (events.Position, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	offset, err := hostile.Store(ctx, r.kafka, topic, partition, b.Bytes())
	return events.Position{Topic: topic, Partition: partition, Offset: offset}, err
}

// must is store for what the broker takes.
func (r *rig) must(tb testing.TB, topic string, partition int32, b hostile.Batch) events.Position {
	tb.Helper()
	at, err := r.store(tb, topic, partition, b)
	if err != nil {
		tb.Fatalf("the broker does not take the batch: %v", err)
	}
	return at
}

// of returns the events of one type that fit.
func of[E events.Event](r *rig, fits func(E) bool) (all []E) {
	for _, e := range r.seen {
		if e, ok := e.(E); ok && fits(e) {
			all = append(all, e)
		}
	}
	return all
}

// forget lets go of what was seen, so that a long run needs no more memory.
func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) > 10_000 {
		r.seen = nil
	}
	if len(r.handled) > 10_000 {
		clear(r.handled)
	}
}
