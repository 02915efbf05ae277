package dedupe_test

import (
	"context"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds every wait, so that a test that hangs says where.
const patience = time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// next is what a handler says next.
func next(t testing.TB, ran <-chan string) string {
	t.Helper()
	select {
	case s := <-ran:
		return s
	case <-testContext(t).Done():
		t.Fatal("no handler ran any more")
		return ""
	}
}

func once(t testing.TB, cfg dedupe.Config) siskin.Middleware {
	t.Helper()
	m, err := dedupe.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func memory(t testing.TB, bounds dedupe.Bounds) *dedupe.Memory {
	t.Helper()
	m, err := dedupe.NewMemory(bounds)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// topicStore returns a store that is ready, and closed at the end of the test.
func topicStore(t testing.TB, cfg siskin.Config, topic string, bounds dedupe.Bounds) *dedupe.TopicStore {
	t.Helper()
	s, err := dedupe.NewTopicStore(cfg, topic, bounds)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Ready(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func service(t testing.TB, cfg siskin.Config) *siskin.Service {
	t.Helper()
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// peer is a program that speaks Kafka itself: it sends requests with headers of its
// own, and sees the replies' bytes.
type peer struct {
	t       testing.TB
	client  *kgo.Client
	replies string
}

func newPeer(t testing.TB, cfg siskin.Config) *peer {
	t.Helper()
	p := &peer{t: t, replies: siskintest.Name("peer") + ".reply"}
	createTopic(t, cfg, p.replies, 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.replies: {0: kgo.NewOffset().AtStart()}}),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond), kgo.FetchMaxWait(250*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p.client = client
	return p
}

func createTopic(t testing.TB, cfg siskin.Config, topic string, partitions int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := testtopics.Create(testContext(t), kadm.NewClient(client), partitions, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// request sends a request whose replies have the given correlation id.
func (p *peer) request(topic, value, correlation string, headers ...siskin.Header) {
	p.t.Helper()
	p.produce(p.asking(topic, 0, value, correlation, headers...))
}

func (p *peer) produce(recs ...*kgo.Record) {
	p.t.Helper()
	if err := p.client.ProduceSync(testContext(p.t), recs...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) asking(topic string, partition int32, value, correlation string, headers ...siskin.Header) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value), Headers: append([]kgo.RecordHeader{
		{Key: wire.CorrelationID, Value: []byte(correlation)},
		{Key: wire.ReplyTopic, Value: []byte(p.replies)},
		{Key: wire.ReplyPartition, Value: []byte("0")},
	}, headers...)}
}

// read returns the next n replies.
func (p *peer) read(n int) []*kgo.Record {
	p.t.Helper()
	ctx := testContext(p.t)
	var out []*kgo.Record
	for len(out) < n {
		fetches := p.client.PollRecords(ctx, n-len(out))
		if ctx.Err() != nil {
			p.t.Fatalf("got %d of %d replies", len(out), n)
		}
		out = append(out, fetches.Records()...)
	}
	return out
}

func header(name, value string) siskin.Header { return siskin.Header{Key: name, Value: []byte(value)} }
