package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin/internal/outbox"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "topic"

// newClient is a client of a fake Kafka with one partition.
func newClient(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func record(ctx context.Context) *kgo.Record { return &kgo.Record{Context: ctx, Topic: topic} }

// The records of one goroutine keep their order, whoever sends beside it, and each
// promise is called once.
func TestOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 500
	out := outbox.New(newClient(t))
	offsets := make([][]int64, senders)
	var sending, stored sync.WaitGroup
	stored.Add(senders * each)
	for i := range offsets {
		offsets[i] = make([]int64, each)
		sending.Go(func() {
			for n := range each {
				out.Produce(record(t.Context()), func(rec *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
					offsets[i][n] = rec.Offset
					stored.Done() // panics at a call too many
				})
			}
		})
	}
	sending.Wait()
	stored.Wait()
	for i, all := range offsets {
		for n := 1; n < each; n++ {
			if all[n] <= all[n-1] {
				t.Fatalf("sender %d: record %d has offset %d, the one before it %d", i, n, all[n], all[n-1])
			}
		}
	}
}

// What comes while a group is handed over goes with the next one, also out of a
// promise.
func TestAPromiseMaySend(t *testing.T) {
	t.Parallel()
	out := outbox.New(newClient(t))
	done := make(chan error)
	var send func(left int)
	send = func(left int) {
		out.Produce(record(t.Context()), func(_ *kgo.Record, err error) {
			if err != nil || left == 0 {
				done <- err
				return
			}
			send(left - 1)
		})
	}
	send(100)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type mark struct{ context.Context }

// contexts is a partitioner that notes the contexts of the records it sees.
type contexts struct {
	kgo.Partitioner
	seen chan context.Context
}

func (c contexts) ForTopic(topic string) kgo.TopicPartitioner {
	return contextsOf{c.Partitioner.ForTopic(topic), c.seen}
}

type contextsOf struct {
	kgo.TopicPartitioner
	seen chan context.Context
}

func (c contextsOf) Partition(r *kgo.Record, n int) int {
	c.seen <- r.Context
	return c.TopicPartitioner.Partition(r, n)
}

// The partitioner finds what the sender has put into the record.
func TestContext(t *testing.T) {
	t.Parallel()
	seen := make(chan context.Context, 1)
	out := outbox.New(newClient(t, kgo.RecordPartitioner(contexts{kgo.RoundRobinPartitioner(), seen})))
	done := make(chan error)
	want := mark{t.Context()}
	out.Produce(record(want), func(_ *kgo.Record, err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != context.Context(want) {
		t.Errorf("the partitioner saw %v", got)
	}
}

// A record that the Kafka client does not take fails like any other, one by one.
func TestAClosedClient(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	out := outbox.New(client)
	client.Close()
	errs := make(chan error)
	const records = 10
	for range records {
		out.Produce(record(t.Context()), func(_ *kgo.Record, err error) { errs <- err })
	}
	for range records {
		if err := <-errs; !errors.Is(err, kgo.ErrClientClosed) {
			t.Errorf("the record ended with %v, want %v", err, kgo.ErrClientClosed)
		}
	}
}

// What was produced before Drain is with the Kafka client, whose Flush waits for it.
func TestDrain(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	out := outbox.New(client)
	out.Drain() // of nothing
	const senders, each = 8, 100
	var stored atomic.Int64
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for range each {
				out.Produce(record(t.Context()), func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
					stored.Add(1)
				})
			}
		})
	}
	sending.Wait()
	out.Drain()
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := stored.Load(); n != senders*each {
		t.Errorf("%d of %d records are stored after Drain and Flush", n, senders*each)
	}
}

// BenchmarkProduce is what one record costs when as many callers as named each wait
// for the broker's answer before they send the next one, with an outbox and without.
func BenchmarkProduce(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 512} {
		for _, way := range []string{"direct", "outbox"} {
			b.Run(fmt.Sprintf("%s/callers=%d", way, callers), func(b *testing.B) { benchmark(b, way, callers) })
		}
	}
}

func benchmark(b *testing.B, way string, callers int) {
	client := newClient(b)
	out := outbox.New(client)
	produce := out.Produce
	if way == "direct" {
		produce = func(rec *kgo.Record, promise func(*kgo.Record, error)) { client.TryProduce(rec.Context, rec, promise) }
	}
	call := func(done chan error, promise func(*kgo.Record, error)) {
		produce(record(context.Background()), promise)
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range callers {
		all.Go(func() {
			done := make(chan error, 1)
			promise := func(_ *kgo.Record, err error) { done <- err }
			for range (b.N + i) / callers {
				call(done, promise)
			}
		})
	}
	all.Wait()
}
