package inbox_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds every wait, so that a test that hangs says where.
const patience = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// bench is an inbox on a fake Kafka, with all that the inbox tells.
type bench struct {
	*kfake.Cluster
	*inbox.Inbox
	config inbox.Config
	line   *line
	client *kgo.Client // of the one who replies
	admin  *kadm.Client

	mu        sync.Mutex
	delivered []string
	opened    []events.RouteOpened
	left      []events.RouteLeft
	others    []events.Event
	lost      []*inbox.Route
	reasons   []error
	ensured   []string
	changed   chan struct{}
}

// setup makes an inbox on a broker with the topics, of the given partitions.
// Other reply topics are made when they are needed, with as many.
func setup(t *testing.T, partitions int32, topics []string, change ...func(*inbox.Config)) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{Cluster: c, changed: make(chan struct{}), line: &line{}}
	b.client, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	b.admin = kadm.NewClient(b.client)
	cfg := inbox.Config{
		Options: []kgo.Opt{
			kgo.SeedBrokers(c.ListenAddrs()...), kgo.Dialer(b.line.dial), kgo.MetadataMinAge(10 * time.Millisecond),
		},
		Admin: b.admin,
		Ensure: func(ctx context.Context, topic string) error {
			b.note(func() { b.ensured = append(b.ensured, topic) })
			_, err := b.admin.CreateTopic(ctx, partitions, 1, nil, topic)
			if errors.Is(err, kerr.TopicAlreadyExists) {
				return nil
			}
			return err
		},
		Deliver: func(r *kgo.Record) {
			b.note(func() { b.delivered = append(b.delivered, string(r.Value)) })
		},
		Lost: func(r *inbox.Route, err error) int {
			b.note(func() { b.lost, b.reasons = append(b.lost, r), append(b.reasons, err) })
			return 7
		},
		Emit: b.emit,
	}
	for _, f := range change {
		f(&cfg)
	}
	b.config, b.Inbox = cfg, inbox.New(cfg)
	t.Cleanup(b.Inbox.Close)
	return b
}

func (b *bench) emit(e events.Event) {
	b.note(func() {
		switch e := e.(type) {
		case events.RouteOpened:
			b.opened = append(b.opened, e)
		case events.RouteLeft:
			b.left = append(b.left, e)
		default:
			b.others = append(b.others, e)
		}
	})
}

// note changes the bench and wakes who waits for that.
func (b *bench) note(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await waits until ok, which looks at the bench.
func (b *bench) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	for {
		b.mu.Lock()
		done, changed := ok(), b.changed
		b.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("gave up waiting for %s; delivered: %q, left: %+v", what, b.delivered, b.left)
		}
	}
}

// route is a route for replies on topic.
func (b *bench) route(t *testing.T, topic string) *inbox.Route {
	t.Helper()
	r, err := b.Route(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	if r.Topic != topic {
		t.Fatalf("asked for a route on %q, got one on %q", topic, r.Topic)
	}
	return r
}

// reply writes to a partition, as a service does that answers.
func (b *bench) reply(t *testing.T, topic string, partition int32, values ...string) {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, v := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)}
	}
	if err := b.client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// wantDelivered waits for the values, and checks that there are no others.
func (b *bench) wantDelivered(t *testing.T, want ...string) {
	t.Helper()
	b.await(t, "the replies", func() bool { return len(b.delivered) >= len(want) })
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.delivered, want) {
		t.Errorf("delivered %q, want %q", b.delivered, want)
	}
}

// line is the network between the inbox's reader and the broker.
type line struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, conn)
		l.mu.Unlock()
	}
	return conn, err
}

// cut ends all connections. New ones can be made.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}
