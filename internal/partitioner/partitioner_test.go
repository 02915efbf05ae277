package partitioner_test

import (
	"context"
	"testing"

	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// asker asks for the partition of a record as the Kafka client does: it writes
// the answer into the record, and asks again when the record opens a batch.
type asker struct {
	kgo.TopicPartitioner
	n int
}

func newAsker(n int) asker { return asker{partitioner.New().ForTopic("orders"), n} }

func (a asker) ask(r *kgo.Record) int {
	p := a.Partition(r, a.n)
	r.Partition = int32(p)
	return p
}

func (a asker) askForNewBatch(r *kgo.Record) (first, second int) {
	first = a.ask(r)
	a.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch).OnNewBatch()
	return first, a.ask(r)
}

// event is a record as the Kafka client passes it on.
func event(key []byte, partition int32) *kgo.Record {
	return &kgo.Record{Key: key, Partition: partition, Context: context.Background()}
}

func TestNamedPartitionIsObeyed(t *testing.T) {
	t.Parallel()
	a := newAsker(5)
	for p := range int32(5) {
		for _, key := range [][]byte{nil, {}, []byte("k")} {
			plain := &kgo.Record{Key: key, Partition: p, Context: partitioner.Obey}
			request := &kgo.Record{Key: key, Partition: p, Context: &partitioner.Ticket{Obey: true}}
			for _, r := range []*kgo.Record{plain, request} {
				if first, second := a.askForNewBatch(r); first != int(p) || second != int(p) {
					t.Errorf("partition %d, then %d; want %d", first, second, p)
				}
				if !a.RequiresConsistency(r) {
					t.Error("a named partition must be counted among all partitions")
				}
			}
		}
	}
}

// The Kafka client fails a record whose partition does not exist. It must not
// go to another one.
func TestNamedPartitionThatDoesNotExist(t *testing.T) {
	t.Parallel()
	a := newAsker(5)
	for _, p := range []int32{-1, -7, 5, 1 << 30} {
		r := &kgo.Record{Partition: p, Context: partitioner.Obey}
		if got := a.Partition(r, 5); got != int(p) {
			t.Errorf("partition %d, want %d", got, p)
		}
		r.Context = &partitioner.Ticket{Obey: true}
		if got := a.Partition(r, 5); got != int(p) {
			t.Errorf("partition %d of a request, want %d", got, p)
		}
	}
}

// What stands in a record without Obey is a left-over of an earlier look.
func TestLeftoverPartitionIsIgnored(t *testing.T) {
	t.Parallel()
	a := newAsker(1)
	for _, r := range []*kgo.Record{event(nil, 3), event([]byte("k"), 3), {Partition: 3, Context: &partitioner.Ticket{}}} {
		if got := a.ask(r); got != 0 {
			t.Errorf("partition %d, want the only one, 0", got)
		}
	}
}

// Vectors of Kafka's own test of Utils.murmur2.
var murmur2 = map[string]int32{
	"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
	"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	"abc": 479470107,
}

func TestKeyIsHashedAsKafkaDoes(t *testing.T) {
	t.Parallel()
	for key, hash := range murmur2 {
		for _, n := range []int{1, 2, 3, 7, 10, 100} {
			a := newAsker(n)
			want := int(hash&0x7fffffff) % n
			for _, r := range []*kgo.Record{event([]byte(key), -1), {Key: []byte(key), Context: &partitioner.Ticket{}}} {
				if first, second := a.askForNewBatch(r); first != want || second != want {
					t.Errorf("key %q: partition %d, then %d, of %d; want %d", key, first, second, n, want)
				}
				if !a.RequiresConsistency(r) {
					t.Errorf("key %q must be counted among all partitions", key)
				}
			}
		}
	}
}

func TestKeyGoesWhereTheLibrarySendsIt(t *testing.T) {
	t.Parallel()
	library := kgo.StickyKeyPartitioner(nil).ForTopic("orders")
	ours := partitioner.New().ForTopic("orders")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOf(rapid.Byte()).Draw(t, "key") // may be empty, which is a key too
		n := rapid.IntRange(1, 200).Draw(t, "partitions")
		want := library.Partition(event(key, -1), n)
		if got := ours.Partition(event(key, -1), n); got != want {
			t.Fatalf("event: partition %d of %d, want %d", got, n, want)
		}
		if got := ours.Partition(&kgo.Record{Key: key, Context: &partitioner.Ticket{}}, n); got != want {
			t.Fatalf("request: partition %d of %d, want %d", got, n, want)
		}
	})
}

func TestEventsWithoutAKeyStayTogetherUntilTheBatchIsFull(t *testing.T) {
	t.Parallel()
	a := newAsker(8)
	if a.RequiresConsistency(event(nil, -1)) {
		t.Error("an event without a key can go to any partition that has a leader")
	}
	used := make(map[int]bool)
	_, at := a.askForNewBatch(event(nil, -1))
	for range 50 {
		used[at] = true
		for range 20 {
			if got := a.ask(event(nil, -1)); got != at {
				t.Fatalf("an event went to partition %d, while the batch of %d has room", got, at)
			}
		}
		first, second := a.askForNewBatch(event(nil, -1))
		if first != at {
			t.Fatalf("the event that finds the batch full asked for partition %d first, want %d", first, at)
		}
		if second == at {
			t.Fatalf("the next batch is on partition %d too", at)
		}
		at = second
	}
	if len(used) < 6 {
		t.Errorf("50 batches used %d of 8 partitions", len(used))
	}
}

func TestTopicsAreCountedApart(t *testing.T) {
	t.Parallel()
	p := partitioner.New()
	orders, again, other := asker{p.ForTopic("orders"), 2}, asker{p.ForTopic("orders"), 2}, asker{p.ForTopic("bills"), 2}
	busy := orders.ask(request())
	for range 10 {
		// Asked for the topic again, as after a purge, it still knows the load.
		r := request()
		if got := again.ask(r); got == busy {
			t.Fatalf("a request went to the busy partition %d", got)
		}
		ticketOf(r).Release()
	}
	used := make(map[int]bool)
	for range 100 {
		r := request()
		used[other.ask(r)] = true
		ticketOf(r).Release()
	}
	if len(used) != 2 {
		t.Errorf("the load of one topic keeps requests of another from a partition: %v", used)
	}
}

func request() *kgo.Record { return &kgo.Record{Partition: -1, Context: new(partitioner.Ticket)} }

func ticketOf(r *kgo.Record) *partitioner.Ticket { return r.Context.(*partitioner.Ticket) }

func TestTicketIsAContextThatNeverEnds(t *testing.T) {
	t.Parallel()
	ticket := new(partitioner.Ticket)
	var ctx context.Context = ticket
	ticket.Release()
	if _, ok := ctx.Deadline(); ok || ctx.Done() != nil || ctx.Err() != nil || ctx.Value("x") != nil {
		t.Error("a ticket has a deadline, an end or a value")
	}
	if partitioner.Obey.Err() != nil || partitioner.Obey.Done() != nil {
		t.Error("Obey ends")
	}
}

// A preferred partition is taken where it exists. Elsewhere the record goes as if it
// named none.
func TestPreferredPartition(t *testing.T) {
	t.Parallel()
	a := newAsker(5)
	for p := int32(-1); p < 8; p++ {
		for _, key := range [][]byte{nil, {}, []byte("k"), []byte("another")} {
			r := &kgo.Record{Key: key, Partition: p, Context: partitioner.Prefer}
			if !a.RequiresConsistency(r) {
				t.Error("a preferred partition must be counted among all partitions")
			}
			first, second := a.askForNewBatch(r)
			switch {
			case p >= 0 && p < 5:
				if first != int(p) || second != int(p) {
					t.Errorf("partition %d, then %d; want %d", first, second, p)
				}
			case key != nil:
				if want := newAsker(5).ask(event(key, -1)); first != want || second != want {
					t.Errorf("key %q: partition %d, then %d; want %d", key, first, second, want)
				}
			case first < 0 || first >= 5 || second < 0 || second >= 5:
				t.Errorf("partition %d, then %d of 5", first, second)
			}
		}
	}
}
