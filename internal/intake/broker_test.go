package intake_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience bounds every wait, so that a test that hangs says where.
const patience = time.Minute

const (
	topic = "orders"
	group = "shop"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// broker is a fake Kafka with one topic and a client to write to it.
type broker struct {
	*kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	commits *commits
}

func newBroker(t *testing.T, partitions int32) *broker {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic),
		kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &broker{Cluster: c, commits: watchCommits(c)}
	b.client, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	b.admin = kadm.NewClient(b.client)
	return b
}

// produce writes n records to a partition; the value of each is its number,
// counted from first.
func (b *broker) produce(t *testing.T, partition int32, first, n int) {
	t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(first + i))}
	}
	if err := b.client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// committed is the offset that the broker has stored for a partition, or -1.
func (b *broker) committed(t *testing.T, partition int32) int64 {
	t.Helper()
	offsets, err := b.admin.FetchOffsets(testContext(t), group)
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup(topic, partition); ok && o.Err == nil {
		return o.At
	}
	return -1
}

// committedIs waits until the broker has stored an offset for a partition.
func (b *broker) committedIs(t *testing.T, partition int32, want int64) {
	t.Helper()
	ctx := testContext(t)
	for b.committed(t, partition) != want {
		if ctx.Err() != nil {
			t.Fatalf("the broker has stored %d for partition %d, want %d", b.committed(t, partition), partition, want)
		}
	}
}

func (b *broker) commit(t *testing.T, partition int32, offset int64) {
	t.Helper()
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	if err := b.admin.CommitAllOffsets(testContext(t), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// commits notes each offset that somebody asks the broker to commit.
type commits struct {
	mu      sync.Mutex
	asked   map[int32][]int64
	changed chan struct{}
	allowed func(partition int32, offset int64) // may be nil
}

func watchCommits(c *kfake.Cluster) *commits {
	w := &commits{asked: make(map[int32][]int64), changed: make(chan struct{})}
	c.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, t := range r.(*kmsg.OffsetCommitRequest).Topics {
			for _, p := range t.Partitions {
				w.asked[p.Partition] = append(w.asked[p.Partition], p.Offset)
				if w.allowed != nil {
					w.allowed(p.Partition, p.Offset)
				}
			}
		}
		close(w.changed)
		w.changed = make(chan struct{})
		return nil, nil, false
	})
	return w
}

// check has a test look at each offset before the broker takes it.
func (w *commits) check(allowed func(partition int32, offset int64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = allowed
}

// list is what was asked for a partition so far, in order, without repeats of
// the same offset: a commit that the broker refused is sent again.
func (w *commits) list(partition int32) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int64
	for _, o := range w.asked[partition] {
		if len(out) == 0 || out[len(out)-1] != o {
			out = append(out, o)
		}
	}
	return out
}

// await waits until offset was asked to be committed for the partition.
func (w *commits) await(t *testing.T, partition int32, offset int64) {
	t.Helper()
	ctx := testContext(t)
	for {
		w.mu.Lock()
		asked, changed := w.asked[partition], w.changed
		w.mu.Unlock()
		for _, o := range asked {
			if o == offset {
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no commit of offset %d for partition %d; asked were %v", offset, partition, asked)
		}
	}
}
