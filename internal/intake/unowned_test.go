package intake_test

import (
	"context"
	"slices"
	"testing"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// otherTopic is read beside topic.
const otherTopic = "bills"

// A topic is forgotten and read anew while the Kafka client still waits for its
// offsets. The client then asks for them again in its next session, in which it does
// not own the topic's partitions. Nothing of what it could read there may be missing
// when it owns them again.
func TestUnownedPartitionsAreNotRead(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, otherTopic); err != nil {
		t.Fatal(err)
	}
	b.commit(t, 0, 0)
	d, others := newDiary(), make(chan struct{})
	// other proves that the client fetches: a record goes through.
	other := func() {
		t.Helper()
		if err := b.client.ProduceSync(testContext(t), &kgo.Record{Topic: otherTopic}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-others:
		case <-testContext(t).Done():
			t.Fatal("the record of the other topic was not served")
		}
	}
	wait := func(f *kfake.FaultHandle, n int) {
		t.Helper()
		if err := f.Wait(testContext(t), n); err != nil {
			t.Fatal(err)
		}
	}

	noOffsets := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Group: group, Err: kerr.UnstableOffsetCommit, Count: -1})
	m := join(t, b, config(func(c *intake.Config) { c.Topics = []string{topic, otherTopic} }),
		handler(func(ctx context.Context, i intake.Item) {
			if i.Record.Topic == topic {
				d.write(ctx, i)
				return
			}
			i.Done()
			others <- struct{}{}
		}))
	m.owns(t, 0, 1)
	wait(noOffsets, 1)
	unknown := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.LeaderNotAvailable, Count: -1})
	joins := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Observe: true, Count: -1})
	m.in.Reread(topic)
	wait(joins, 1)
	noOffsets.Remove()
	other() // it has joined without the topic

	refused := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1,
	})
	unknown.Remove()
	wait(refused, 3) // it has known the topic again for a while, and may not own it yet
	b.produce(t, 0, 0, 3)
	for range 5 {
		other()
	}
	refused.Remove()
	m.owns(t, 0, 2)
	for i := range 4 {
		b.produce(t, 0, 3+i, 1)
		other()
	}
	d.await(t, 7)
	if got := d.served[0]; !slices.Equal(got, upTo(7)) {
		t.Errorf("offsets %v were served, want 0 to 6", got)
	}
}

// The first record behind the start can lie further on: the offset of a commit may be
// that of the end of a transaction, which is no record.
func TestHoleAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	writer, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.TransactionalID("till"), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for range 2 { // offsets 0 and 2; the ends of the transactions are 1 and 3
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := writer.ProduceSync(testContext(t), kgo.StringRecord("order")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	b.commit(t, 0, 1)
	m := join(t, b)
	s := m.next(t)
	if s.Record.Offset != 2 {
		t.Errorf("offset %d was served, want 2", s.Record.Offset)
	}
	s.Done()
	b.committedIs(t, 0, 3)
}

// When the leader of a partition has just moved, one poll can bring a piece of it from
// each of two brokers. What lies behind the start of the partition is left out whole.
func TestPiecesBehindTheStartAreNotTaken(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	d := newDiary()
	m := join(t, b, handler(d.write))
	b.commits.await(t, 0, 0) // where it starts
	ahead := func(offset int64) []*kgo.Record {
		return []*kgo.Record{{Topic: topic, Offset: offset, Value: []byte("read too early")}}
	}
	m.in.Take(topic, 0, ahead(1), ahead(2))
	b.produce(t, 0, 0, 3)
	d.await(t, 3)
	if got := d.served[0]; !slices.Equal(got, upTo(3)) {
		t.Errorf("offsets %v were served, want 0 to 2", got)
	}
	b.committedIs(t, 0, 3)
}
