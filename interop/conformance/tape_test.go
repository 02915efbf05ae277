package conformance_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// tape has every record of the topics of a stage, as soon as it is stored.
type tape struct {
	client *kgo.Client
	admin  *kadm.Client
	reader sync.WaitGroup
	stop   context.CancelFunc

	mu      sync.Mutex
	records map[string][]*kgo.Record
	taken   map[string]int
	more    chan struct{} // closed and replaced at every change
}

// newTape records topics, which are still empty, with their partitions.
func newTape(brokers []string, topics map[string]int32) (*tape, error) {
	starts := make(map[string]map[int32]kgo.Offset)
	for topic, n := range topics {
		starts[topic] = make(map[int32]kgo.Offset)
		for p := range n {
			starts[topic][p] = kgo.NewOffset().AtStart()
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumePartitions(starts), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &tape{
		client: client, admin: kadm.NewClient(client), stop: stop,
		records: make(map[string][]*kgo.Record), taken: make(map[string]int), more: make(chan struct{}),
	}
	t.reader.Go(func() { t.read(ctx) })
	return t, nil
}

func (t *tape) close() {
	t.stop()
	t.reader.Wait()
	t.client.Close()
}

func (t *tape) read(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := t.client.PollFetches(ctx)
		t.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) { t.records[r.Topic] = append(t.records[r.Topic], r) })
		close(t.more)
		t.more = make(chan struct{})
		t.mu.Unlock()
	}
}

// next waits for n records of topic that nobody has taken yet, and takes all
// there are.
func (t *tape) next(ctx context.Context, topic string, n int) ([]*kgo.Record, error) {
	for {
		t.mu.Lock()
		got, more := t.records[topic][t.taken[topic]:], t.more
		if len(got) >= n {
			t.taken[topic] += len(got)
			t.mu.Unlock()
			return got, nil
		}
		t.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return got, fmt.Errorf("%s has %d new records, want %d: %w", topic, len(got), n, ctx.Err())
		}
	}
}

// stored takes all records of topic that are stored by now and that nobody has
// taken yet.
func (t *tape) stored(ctx context.Context, topic string) ([]*kgo.Record, error) {
	ends, err := t.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	all := 0
	ends.Each(func(end kadm.ListedOffset) { all += int(end.Offset) })
	t.mu.Lock()
	n := all - t.taken[topic]
	t.mu.Unlock()
	return t.next(ctx, topic, n)
}

// write stores a record and returns when it is stored.
func (t *tape) write(ctx context.Context, r *kgo.Record) error {
	return t.client.ProduceSync(ctx, r).FirstErr()
}

// everything is all records of all topics.
func (t *tape) everything() []*kgo.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*kgo.Record
	for _, records := range t.records {
		all = append(all, records...)
	}
	return all
}
