package topics_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/twmb/franz-go/pkg/kadm"
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

// bench is a keeper on a fake Kafka.
type bench struct {
	*kfake.Cluster
	topics.Keeper
	line  *line
	admin *kadm.Client // of somebody else

	mu      sync.Mutex
	seen    []events.Event
	changed chan struct{}
}

func setup(t *testing.T, policy topics.Policy, existing ...string) *bench {
	t.Helper()
	// A broker that makes topics by itself: a keeper must not rely on that, nor
	// cause it.
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, existing...), kfake.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{Cluster: c, line: &line{}, changed: make(chan struct{})}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.Dialer(b.line.dial), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	other, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	b.admin = kadm.NewClient(other)
	b.Keeper = topics.Keeper{Admin: kadm.NewClient(client), Policy: policy, Emit: b.emit}
	return b
}

func (b *bench) emit(e events.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, e)
	close(b.changed)
	b.changed = make(chan struct{})
}

// await waits for the nth event and returns it.
func (b *bench) await(t *testing.T, n int) events.Event {
	t.Helper()
	ctx := testContext(t)
	for {
		b.mu.Lock()
		seen, changed := b.seen, b.changed
		b.mu.Unlock()
		if len(seen) >= n {
			return seen[n-1]
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d of %d events: %v", len(seen), n, seen)
		}
	}
}

// partitions is how many a topic has, or 0 when there is no such topic.
func (b *bench) partitions(t *testing.T, topic string) int {
	t.Helper()
	details, err := b.admin.ListTopics(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	return len(details[topic].Partitions)
}

func (b *bench) create(t *testing.T, topic string) {
	t.Helper()
	if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func spec(name string) topics.Spec { return topics.Spec{Name: name, Partitions: 1, Replication: 1} }

// line is the network between a keeper and its broker.
type line struct {
	mu    sync.Mutex
	away  bool
	tries int
	tried chan struct{} // closed at the third attempt to connect while away
	conns []net.Conn
}

var errAway = errors.New("nobody is there")

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		if l.tries++; l.tries == 3 {
			close(l.tried)
		}
		return nil, errAway
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

// cut takes the broker away.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.tries, l.tried = true, 0, make(chan struct{})
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = false
}
