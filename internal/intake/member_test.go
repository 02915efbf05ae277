package intake_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// served is a record on its way through the handler of a test.
type served struct {
	intake.Item
	ctx context.Context // what the handler got
}

// member is one member of the consumer group, under the control of a test.
type member struct {
	*recorder
	in     *intake.Intake
	items  chan served
	joined chan struct{}
	cancel context.CancelFunc // asks it to stop
	stop   func() (drained bool)
	ended  chan struct{} // closed when Run has returned
	err    error         // of Run, after ended
}

type setting func(*member, *intake.Config)

// handler makes the member serve with fn and hand nothing to the test.
func handler(fn func(context.Context, intake.Item)) setting {
	return func(_ *member, c *intake.Config) { c.Serve = fn }
}

// config changes a field of the configuration.
func config(change func(*intake.Config)) setting {
	return func(_ *member, c *intake.Config) { change(c) }
}

func startAt(s intake.Start) setting { return config(func(c *intake.Config) { c.Start = s }) }

func drain(d time.Duration) setting { return config(func(c *intake.Config) { c.Drain = d }) }

// join starts a member. Unless a setting says otherwise, each record that it
// gets waits in items until the test takes it from there; it is done when the
// test says so.
func join(t *testing.T, b *broker, settings ...setting) *member {
	t.Helper()
	m := &member{recorder: newRecorder(), items: make(chan served), joined: make(chan struct{}), ended: make(chan struct{})}
	var once sync.Once
	cfg := intake.Config{
		Options: []kgo.Opt{
			kgo.SeedBrokers(b.ListenAddrs()...), kgo.HeartbeatInterval(50 * time.Millisecond),
			kgo.MetadataMinAge(50 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
			kgo.FetchMaxWait(100 * time.Millisecond),
		},
		Group: group, Topics: []string{topic},
		Serve: func(ctx context.Context, i intake.Item) {
			select {
			case m.items <- served{Item: i, ctx: ctx}:
			case <-ctx.Done():
				i.Leave()
			}
		},
		// As most of these tests want it: one record of a partition after the other.
		Lanes:       func(string) (lane.Order, *lane.Places) { return lane.Whole, nil },
		Concurrency: 100, UncommittedLimit: 1_000, QueueBytes: 1 << 20, StuckAfter: time.Hour, Refresh: time.Second,
		QueueLimit: 100, CommitInterval: time.Millisecond, Drain: 20 * time.Second, Session: 10 * time.Second,
		Start:  intake.Start{Beginning: true},
		Joined: func() { once.Do(func() { close(m.joined) }) },
		Emit:   m.emit,
	}
	for _, set := range settings {
		set(m, &cfg)
	}
	in, err := intake.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.in = in
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	var drained bool
	go func() {
		defer close(m.ended)
		drained, m.err = in.Run(ctx)
	}()
	m.stop = sync.OnceValue(func() bool {
		m.cancel()
		<-m.ended
		return drained
	})
	t.Cleanup(func() { m.stop() })
	return m
}

// ready waits until the member knows where to read.
func (m *member) ready(t *testing.T) {
	t.Helper()
	select {
	case <-m.joined:
	case <-testContext(t).Done():
		t.Fatal("the member has not joined")
	}
}

// notYet fails when the member joins before n more of the requests that f has seen.
func (m *member) notYet(t *testing.T, f *kfake.FaultHandle, n int) {
	t.Helper()
	seen := make(chan error, 1)
	go func() { seen <- f.Wait(testContext(t), f.Hits()+n) }()
	select {
	case <-m.joined:
		t.Error("the member has joined too early")
	case err := <-seen:
		if err != nil {
			t.Error(err)
		}
	}
}

// next is the record that the handler gets next.
func (m *member) next(t *testing.T) served {
	t.Helper()
	select {
	case s := <-m.items:
		return s
	case <-testContext(t).Done():
		t.Fatal("no record was served")
	}
	return served{}
}

// take takes n records and returns them without being done.
func (m *member) take(t *testing.T, n int) []served {
	t.Helper()
	out := make([]served, n)
	for i := range out {
		out[i] = m.next(t)
	}
	return out
}

// offsets are the offsets of the records.
func offsets(records []served) []int64 {
	out := make([]int64, len(records))
	for i, r := range records {
		out[i] = r.Record.Offset
	}
	return out
}

// recorder keeps events for tests that wait for them.
type recorder struct {
	mu      sync.Mutex
	seen    []events.Event
	changed chan struct{}
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) emit(e events.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// all are the events of one type so far.
func all[E events.Event](r *recorder) []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []E
	for _, e := range r.seen {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// await waits for n events of one type that match, and returns the last.
func await[E events.Event](t *testing.T, r *recorder, n int, match func(E) bool) E {
	t.Helper()
	ctx := testContext(t)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		found := 0
		for _, e := range all[E](r) {
			if match(e) {
				if found++; found == n {
					return e
				}
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d of %d events %T; all were %v", found, n, *new(E), r.seen)
		}
	}
}

func always[E events.Event](E) bool { return true }

// owns waits until the member was assigned a partition for the nth time.
func (m *member) owns(t *testing.T, partition int32, n int) {
	t.Helper()
	await(t, m.recorder, n, func(e events.PartitionsAssigned) bool { return has(e.Partitions, partition) })
}

// leaves waits until the member has given up a partition for the nth time.
func (m *member) leaves(t *testing.T, partition int32, n int) events.PartitionsRevoked {
	t.Helper()
	return await(t, m.recorder, n, func(e events.PartitionsRevoked) bool { return has(e.Partitions, partition) })
}

func has(partitions map[string][]int32, partition int32) bool {
	for _, p := range partitions[topic] {
		if p == partition {
			return true
		}
	}
	return false
}
