package deadletter_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/partitioner"
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

// bench is a publisher on a fake Kafka with the topic orders-dlt.
type bench struct {
	*kfake.Cluster
	*deadletter.Publisher
	client *kgo.Client

	mu      sync.Mutex
	ensured []deadletter.Topics
	failed  []error
	refuse  []error // what ensure answers, one a call
}

func setup(t *testing.T, opts ...kgo.Opt) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders-dlt"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.ListenAddrs()...), kgo.ProducerLinger(0), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(partitioner.New()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b := &bench{Cluster: c, client: client}
	b.Publisher = deadletter.NewPublisher(client, "shop", b.ensure)
	return b
}

func (b *bench) ensure(_ context.Context, topics deadletter.Topics) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ensured = append(b.ensured, topics)
	if len(b.refuse) == 0 {
		return nil
	}
	err := b.refuse[0]
	b.refuse = b.refuse[1:]
	return err
}

func (b *bench) failing(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, err)
}

// read returns the first n dead letters.
func (b *bench) read(t *testing.T, n int) []*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.ConsumeTopics("orders-dlt"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var letters []*kgo.Record
	for len(letters) < n {
		letters = append(letters, reader.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d dead letters", len(letters), n)
		}
	}
	return letters
}

// publish stores one dead letter that must be stored, and reads it.
func (b *bench) publish(t *testing.T, rec *kgo.Record, cause error) *kgo.Record {
	t.Helper()
	if err := b.Publish(testContext(t), rec, deadletter.Failure{Cause: cause}, b.failing); err != nil {
		t.Fatal(err)
	}
	return b.read(t, 1)[0]
}

// failure is a record as it comes from Kafka.
func failure() *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Partition: 258, Offset: 66051, Timestamp: time.UnixMilli(0x19c_01020304),
		Key: []byte("k"), Value: []byte(`{"id":7}`),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("t1")}, {Key: "null"}, {Key: "trace", Value: []byte("t2")}},
	}
}
