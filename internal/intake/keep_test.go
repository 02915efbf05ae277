package intake_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/status"
)

// kept is a batch that a member asks the test to keep.
type kept struct {
	fetch.Batch
	partition int32
	ctx       context.Context
	stored    chan bool // the answer
}

// keeper hands each batch that cannot be read to the test, which says whether it is
// kept. The end of the partition is a no.
func keeper(asked chan kept) setting {
	return config(func(c *intake.Config) {
		c.Keep = func(ctx context.Context, topic string, partition int32, b *fetch.Batch) bool {
			k := kept{Batch: *b, partition: partition, ctx: ctx, stored: make(chan bool, 1)}
			asked <- k
			select {
			case ok := <-k.stored:
				b.Stored = events.Position{Topic: topic + "-dlt", Partition: partition, Offset: b.First}
				return ok
			case <-ctx.Done():
				return false
			}
		}
	})
}

func wanted(t *testing.T, asked chan kept) kept {
	t.Helper()
	select {
	case k := <-asked:
		return k
	case <-testContext(t).Done():
		t.Fatal("no batch was to be kept")
	}
	return kept{}
}

// What lies behind a batch goes on while it is stored; its own offsets, and so all
// behind them, are committed after that.
func TestBatchIsKeptBeforeItsOffsetsAreDone(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 2)
	bad := noise(3)
	b.store(t, 0, bad, noise(2))
	b.produce(t, 0, 2, 3)
	asked := make(chan kept, 10)
	d := newDiary()
	m := join(t, b, handler(d.write), keeper(asked))
	first, second := wanted(t, asked), wanted(t, asked) // the second does not wait for the first
	d.await(t, 5)
	if first.First != 2 || first.Next != 5 || second.First != 5 || second.Next != 7 {
		t.Errorf("to be kept: %d to %d, %d to %d; want 2 to 5 and 5 to 7", first.First, first.Next, second.First, second.Next)
	}
	if raw := bad.Bytes(); !bytes.Equal(first.Raw[16:], raw[16:]) { // the broker writes the offset and the epoch
		t.Errorf("the bytes are %x, want %x", first.Raw, raw)
	}
	if p := m.in.Info().Partitions[0]; p.Position != 2 || p.Oldest != 2 || p.Bytes < len(first.Raw)+len(second.Raw) || p.Skipped != 5 {
		t.Errorf("the partition is %+v; want it to stand at 2, and to hold both batches", p)
	}
	second.stored <- true
	await(t, m.recorder, 1, always[events.RecordsSkipped])
	if p := m.in.Info().Partitions[0]; p.Position != 2 {
		t.Errorf("the partition is at %d, want 2", p.Position)
	}
	first.stored <- true
	b.committedIs(t, 0, 10)
	stored := make(map[int64]string)
	for _, e := range all[events.RecordsSkipped](m.recorder) {
		stored[e.Offset] = e.Stored.Topic
	}
	if diff := cmp.Diff(map[int64]string{2: "orders-dlt", 5: "orders-dlt"}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	for _, offset := range b.commits.list(0) {
		if offset > 2 && offset < 10 {
			t.Errorf("%d was committed", offset)
		}
	}
	if p := m.in.Info().Partitions[0]; p.Bytes != 0 || p.Unfinished != 0 {
		t.Errorf("in the end the partition is %+v", p)
	}
}

// A member that stops waits for what is being kept, as for its handlers.
func TestStopWaitsForABatchThatIsBeingKept(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.store(t, 0, noise(3))
	asked := make(chan kept, 10)
	m := join(t, b, keeper(asked))
	k := wanted(t, asked)
	m.cancel()
	for ctx := testContext(t); m.in.Info().State != status.Stopping; runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatal("the member does not stop")
		}
	}
	k.stored <- true
	if !m.stop() {
		t.Error("the member has not drained")
	}
	b.committedIs(t, 0, 3)
}

// What was not kept in time is the next owner's.
func TestBatchThatIsNotKeptIsFoundAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 1)
	b.store(t, 0, noise(3))
	b.produce(t, 0, 1, 1)
	asked := make(chan kept, 10)
	d := newDiary()
	first := join(t, b, handler(d.write), keeper(asked), drain(0))
	k := wanted(t, asked)
	d.await(t, 2)
	if first.stop() {
		t.Error("the member has drained")
	}
	if k.ctx.Err() == nil {
		t.Error("the batch may still be stored")
	}
	if n := len(all[events.RecordsSkipped](first.recorder)); n != 0 {
		t.Errorf("the first member tells of %d batches", n)
	}
	b.committedIs(t, 0, 1)
	second := join(t, b, handler(d.write), keeper(asked))
	again := wanted(t, asked)
	if again.First != 1 || again.Next != 4 {
		t.Errorf("to be kept: %d to %d, want 1 to 4", again.First, again.Next)
	}
	again.stored <- true
	second.skipped(t, 1, 1, 4)
	b.committedIs(t, 0, 5)
}

// Another member owns the partition of a member that was thrown out. What that one
// still stores counts no more.
func TestBatchOfALostPartitionIsLeft(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.store(t, 0, noise(3))
	asked := make(chan kept, 10)
	late := make(chan struct{})
	m := join(t, b, atOnce(), config(func(c *intake.Config) {
		c.Keep = func(ctx context.Context, _ string, partition int32, batch *fetch.Batch) bool {
			asked <- kept{Batch: *batch, partition: partition, ctx: ctx}
			<-ctx.Done()
			<-late
			return true // the broker has it all the same
		}
	}), handler(newDiary().write))
	k := wanted(t, asked)
	b.remake(t) // the topic: the partition is lost
	<-k.ctx.Done()
	if cause := context.Cause(k.ctx); !errors.Is(cause, intake.ErrLost) {
		t.Errorf("the context has ended with %v, want %v", cause, intake.ErrLost)
	}
	close(late)
	b.produce(t, 0, 0, 1)
	b.committedIs(t, 0, 1)
	m.stop()
	if n := len(all[events.RecordsSkipped](m.recorder)); n != 0 {
		t.Errorf("the member tells of %d batches", n)
	}
}

// Batches that cannot be stored are in memory. Too many of them pause their
// partition, and no other.
func TestBatchesThatAreNotKeptPauseTheirPartition(t *testing.T) {
	t.Parallel()
	const size, batches = 100_000, 8
	b := newBroker(t, 2)
	for range batches {
		b.store(t, 0, hostile.Batch{Codec: 4, Count: 1, Records: make([]byte, size)})
	}
	asked := make(chan kept, batches)
	d := newDiary()
	m := join(t, b, handler(d.write), keeper(asked), config(func(c *intake.Config) { c.QueueBytes = 3 * size }))
	held := []kept{wanted(t, asked)}
	m.paused(t, 0)
	b.produce(t, 1, 0, 1)
	d.await(t, 1)
	if p := m.in.Info().Partitions[0]; p.Bytes > 5*size {
		t.Errorf("%d bytes are held, the limit is %d", p.Bytes, 3*size)
	}
	for n := 0; n < batches; n++ {
		if n == len(held) {
			held = append(held, wanted(t, asked))
		}
		held[n].stored <- true
	}
	b.committedIs(t, 0, batches)
}

// Members that come and go while batches are stored lose none of them, and commit
// none before it is stored.
func TestBatchesAreKeptWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	const partitions, rounds = 4, 12
	b := newBroker(t, partitions)
	var stored [partitions][3 * rounds]atomic.Bool
	b.commits.check(func(partition int32, offset int64) {
		for at := range offset {
			if at%3 == 1 && !stored[partition][at].Load() {
				t.Errorf("partition %d is committed at %d, but the batch at %d is not stored", partition, offset, at)
			}
		}
	})
	storing := config(func(c *intake.Config) {
		c.Keep = func(ctx context.Context, _ string, partition int32, batch *fetch.Batch) bool {
			if ctx.Err() != nil {
				return false
			}
			stored[partition][batch.First].Store(true)
			return true
		}
	})
	d := newDiary()
	stay := join(t, b, handler(d.write), storing)
	stay.ready(t)
	for round := range rounds {
		for p := range int32(partitions) {
			b.produce(t, p, round, 1)
			b.store(t, p, noise(2))
		}
		if round%4 == 1 {
			m := join(t, b, handler(d.write), storing)
			m.ready(t)
			d.await(t, partitions*round)
			m.stop()
		}
	}
	d.await(t, partitions*rounds)
	for p := range int32(partitions) {
		b.committedIs(t, p, 3*rounds)
	}
}
