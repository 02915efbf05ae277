package reply_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wait bounds every wait, so that a test that hangs says where.
const wait = time.Minute

const replyTopic = "sum.reply"

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	t.Cleanup(cancel)
	return ctx
}

// bench is a publisher on a fake Kafka with a reply topic of two partitions.
type bench struct {
	cluster *kfake.Cluster
	*reply.Publisher
	client *kgo.Client // of the publisher
	admin  *kadm.Client
}

func setup(t testing.TB, patience time.Duration, opts ...kgo.Opt) *bench {
	t.Helper()
	return setupOn(t, 1, 2, patience, opts...)
}

// setupBrokers is setup with several brokers and as many partitions as asked.
func setupBrokers(t testing.TB, brokers int, partitions int32) *bench {
	t.Helper()
	return setupOn(t, brokers, partitions, wait)
}

func setupOn(t testing.TB, brokers int, partitions int32, patience time.Duration, opts ...kgo.Opt) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, replyTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{cluster: c}
	b.client, err = kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(partitioner.New()), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	b.Publisher = reply.NewPublisher(b.client, reply.Limits{Missing: patience, Unstated: wait})
	admin, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	b.admin = kadm.NewClient(admin)
	return b
}

// to is where the replies of a call go.
func to(partition int32) reply.Address {
	return reply.Address{Dialect: nestjs.Dialect{}, Request: dialect.Request{
		CorrelationID: []byte("id-1"), ReplyTopic: replyTopic, ReplyPartition: partition,
	}}
}

// value answers a call with a single value.
func (b *bench) value(t *testing.T, addr reply.Address, value string, f *finish) {
	t.Helper()
	b.answer(t, addr, value, f.done)
}

// answer is value with a function of its own for the end.
func (b *bench) answer(t testing.TB, addr reply.Address, value string, done func(error)) {
	t.Helper()
	s := reply.NewSequence(t.Context(), b.Publisher, addr, 0, done)
	if err := s.Send([]byte(value)); err != nil {
		t.Error(err)
	}
	s.End()
}

// receive waits for a value.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(wait):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// stored is what a partition holds, one line a record.
func (b *bench) stored(t *testing.T, partition int32) []string {
	t.Helper()
	ctx := testContext(t)
	ends, err := b.admin.ListEndOffsets(ctx, replyTopic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(replyTopic, partition)
	from := map[string]map[int32]kgo.Offset{replyTopic: {partition: kgo.NewOffset().AtStart()}}
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.ConsumePartitions(from))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var lines []string
	for int64(len(lines)) < end.Offset {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records", len(lines), end.Offset)
		}
		fetches.EachRecord(func(r *kgo.Record) { lines = append(lines, show(t, r)) })
	}
	return lines
}

// show is a reply in one line: its value, its error and whether it is the last.
func show(t *testing.T, r *kgo.Record) string {
	t.Helper()
	if id, _ := wire.Last(r.Headers, wire.CorrelationID); string(id) != "id-1" {
		t.Errorf("a reply with the correlation id %q, want id-1", id)
	}
	line := "null"
	if r.Value != nil {
		line = string(r.Value)
	}
	if text, ok := wire.Last(r.Headers, wire.NestError); ok {
		line += " error " + string(text)
	}
	if wire.Has(r.Headers, wire.NestDisposed) {
		line += " last"
	}
	return line
}

// finish is a done function that notes how it was called.
type finish struct {
	mu    sync.Mutex
	calls int
	err   error
	ended chan struct{}
}

func newFinish() *finish { return &finish{ended: make(chan struct{})} }

func (f *finish) done(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls == 1 {
		f.err = err
		close(f.ended)
	}
}

// wait returns the error that done was called with.
func (f *finish) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-f.ended:
	case <-testContext(t).Done():
		t.Fatal("done was not called")
	}
	return f.err
}

// once checks, at the end of a test, that done was called once.
func (f *finish) once(t *testing.T) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls != 1 {
		t.Errorf("done was called %d times, want once", f.calls)
	}
}

// sleep makes the request that the broker looks at wait for free. One that comes
// later does not sleep at all: a broker that is closed just then never ends.
func (b *bench) sleep(free <-chan struct{}) {
	select {
	case <-free:
	default:
		b.cluster.SleepControl(func() { <-free })
	}
}

// hold keeps produce requests unanswered until release is called.
func (b *bench) hold(t *testing.T) (arrived <-chan struct{}, release func()) {
	t.Helper()
	seen, free := make(chan struct{}, 100), make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		seen <- struct{}{}
		b.sleep(free)
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	return seen, release
}
