package intake_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// noise is a batch of n records that cannot be read.
func noise(n int32) hostile.Batch { return hostile.Batch{Codec: 4, Count: n, Records: []byte("noise")} }

func (b *broker) store(t *testing.T, partition int32, batches ...hostile.Batch) {
	t.Helper()
	for _, batch := range batches {
		if _, err := hostile.Store(testContext(t), b.client, topic, partition, batch.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
}

// skipped waits for the nth event about records that were skipped.
func (m *member) skipped(t *testing.T, n int, from, next int64) {
	t.Helper()
	e := await(t, m.recorder, n, always[events.RecordsSkipped])
	if e.Topic != topic || e.Offset != from || e.Next != next || e.Err == nil {
		t.Errorf("skipped %+v, want %d to %d", e, from, next)
	}
}

func TestUnreadableBatchesAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Unreadable() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, 1)
			b.produce(t, 0, 0, 2)
			b.store(t, 0, c.Batch)
			b.produce(t, 0, 2, 1)
			d := newDiary()
			m := join(t, b, handler(d.write))
			d.await(t, 3)
			next := 2 + int64(c.Count)
			m.skipped(t, 1, 2, next)
			b.committedIs(t, 0, next+1)
			if diff := cmp.Diff(map[int32][]int64{0: {0, 1, next}}, d.served); diff != "" {
				t.Errorf("offsets served (-want +got):\n%s", diff)
			}
			if p := m.in.Info().Partitions[0]; p.Skipped != int64(c.Count) {
				t.Errorf("%d offsets were skipped, want %d", p.Skipped, c.Count)
			}
		})
	}
}

// At the start of a partition, at its end, and one behind the other.
func TestNothingButUnreadableBatches(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.store(t, 0, noise(3), noise(1), noise(5))
	d := newDiary()
	m := join(t, b, handler(d.write))
	m.skipped(t, 3, 4, 9)
	b.committedIs(t, 0, 9)
	b.produce(t, 0, 0, 1)
	b.produce(t, 1, 0, 1)
	d.await(t, 2)
	b.committedIs(t, 0, 10)
	m.stop()
	again := join(t, b, handler(d.write))
	again.ready(t)
	b.store(t, 0, noise(2))
	again.skipped(t, 1, 10, 12)
	if n := len(all[events.RecordsSkipped](m.recorder)); n != 3 {
		t.Errorf("the first member skipped %d times, want 3", n)
	}
}

// The watermark passes what was skipped when all before it is done, and not sooner.
func TestSkippedRecordsWaitForThoseBeforeThem(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 1)
	b.store(t, 0, noise(4))
	b.produce(t, 0, 1, 1)
	m := join(t, b)
	first := m.next(t)
	m.skipped(t, 1, 1, 5)
	if p := m.in.Info().Partitions[0]; p.Position != 0 || p.Oldest != 0 {
		t.Errorf("the partition is at %d with %d unfinished, want 0 and 0", p.Position, p.Oldest)
	}
	first.Done()
	b.committedIs(t, 0, 5)
	m.next(t).Done()
	b.committedIs(t, 0, 6)
	if asked := b.commits.list(0); !cmp.Equal(asked[len(asked)-2:], []int64{5, 6}) {
		t.Errorf("commits %v", asked)
	}
}

// lookedAt has the broker answer looks at a partition, which wait for nothing, by
// its first argument.
func (b *broker) lookedAt(answer func(*kmsg.FetchRequest) (kmsg.Response, bool)) {
	b.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		req := r.(*kmsg.FetchRequest)
		if req.MaxWaitMillis != 0 {
			return nil, nil, false
		}
		resp, handled := answer(req)
		return resp, nil, handled
	})
}

func refused(req *kmsg.FetchRequest, why *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	resp.ErrorCode = why.Code
	return resp
}

// A partition that cannot be looked at now is looked at again, and that is told
// once.
func TestSkippingIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var looks atomic.Int64
	b.lookedAt(func(req *kmsg.FetchRequest) (kmsg.Response, bool) {
		return refused(req, kerr.KafkaStorageError), looks.Add(1) <= 2
	})
	b.store(t, 0, hostile.Bomb(100)) // of which the client tells only once
	b.produce(t, 0, 0, 1)
	m := join(t, b)
	m.next(t).Done()
	m.skipped(t, 1, 0, 1)
	failed := all[events.FetchFailed](m.recorder)
	if len(failed) != 1 || !errors.Is(failed[0].Err, kerr.KafkaStorageError) {
		t.Errorf("failures %v, want one", failed)
	}
}

// A partition that is given up while somebody looks at it belongs to its next owner,
// who may be somewhere else in it.
func TestNothingIsSkippedForAnotherOwner(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 2)
	b.store(t, 0, noise(3))
	b.produce(t, 0, 2, 1)
	looking := make(chan struct{}, 100)
	var open atomic.Bool
	b.lookedAt(func(req *kmsg.FetchRequest) (kmsg.Response, bool) {
		looking <- struct{}{}
		return refused(req, kerr.KafkaStorageError), !open.Load()
	})
	first := join(t, b, drain(0))
	held := first.next(t) // and so nothing is committed
	<-looking
	first.stop()
	held.Done()
	open.Store(true)
	d := newDiary()
	second := join(t, b, handler(d.write))
	d.await(t, 3)
	second.skipped(t, 1, 2, 5)
	b.committedIs(t, 0, 6)
	if diff := cmp.Diff(map[int32][]int64{0: {0, 1, 5}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
	if n := len(all[events.RecordsSkipped](first.recorder)); n != 0 {
		t.Errorf("the first member skipped %d times", n)
	}
}

// Members that come and go while batches are skipped lose nothing else.
func TestSkippingWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	const partitions, rounds = 4, 12
	b := newBroker(t, partitions)
	d := newDiary()
	stay := join(t, b, handler(d.write))
	stay.ready(t)
	for round := range rounds {
		for p := range int32(partitions) {
			b.produce(t, p, round, 1)
			b.store(t, p, noise(2))
		}
		if round%4 == 1 {
			m := join(t, b, handler(d.write))
			m.ready(t)
			d.await(t, partitions*round)
			m.stop()
		}
	}
	d.await(t, partitions*rounds)
	for p := range int32(partitions) {
		b.committedIs(t, p, 3*rounds)
	}
	want := make(map[int32]map[int64]bool)
	for p := range int32(partitions) {
		want[p] = make(map[int64]bool)
		for round := range int64(rounds) {
			want[p][3*round] = true
		}
	}
	stay.stop()
	got := make(map[int32]map[int64]bool)
	for p, offsets := range d.served {
		got[p] = make(map[int64]bool)
		for _, o := range offsets {
			got[p][o] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
}

// A megabyte of small batches can become gigabytes. They are read a few at a time.
func TestManyBatchesThatGrowAreReadFewAtATime(t *testing.T) { // not parallel: it measures memory
	const batches, size = 80, 8 << 20
	b := newBroker(t, 1)
	grown := hostile.Plain(&kgo.Record{Value: make([]byte, size)}).Compressed(4)
	for range batches {
		b.store(t, 0, grown)
	}
	var served atomic.Int64
	done := make(chan struct{})
	most := watchHeap(t)
	m := join(t, b, config(func(c *intake.Config) { c.QueueBytes = 16 << 20 }), handler(func(_ context.Context, i intake.Item) {
		if len(i.Record.Value) != size {
			t.Errorf("a value of %d bytes, want %d", len(i.Record.Value), size)
		}
		i.Done()
		if served.Add(1) == batches {
			close(done)
		}
	}))
	select {
	case <-done:
	case <-testContext(t).Done():
		t.Fatalf("%d records were served, want %d", served.Load(), batches)
	}
	m.stop()
	b.committedIs(t, 0, batches)
	if most := most(); most > 500<<20 {
		t.Errorf("the heap grew to %d MiB; all batches together are %d MiB", most>>20, batches*size>>20)
	}
}

// The bomb is never in memory as a whole.
func TestBombIsNotOpened(t *testing.T) { // not parallel: it measures memory
	b := newBroker(t, 1)
	b.store(t, 0, hostile.Bomb(900))
	b.produce(t, 0, 0, 1)
	most := watchHeap(t)
	m := join(t, b)
	m.next(t).Done()
	m.skipped(t, 1, 0, 1)
	if most := most(); most > 500<<20 {
		t.Errorf("the heap grew to %d MiB", most>>20)
	}
}

// watchHeap looks at the heap until the function that it returns is called, which
// tells how large it was at most.
func watchHeap(t *testing.T) (most func() uint64) {
	t.Helper()
	runtime.GC() // or what tests before have left counts, and decides when it is next collected
	stop, result := make(chan struct{}), make(chan uint64, 1)
	go func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for largest := uint64(0); ; {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			largest = max(largest, now.HeapAlloc)
			select {
			case <-stop:
				result <- largest
				return
			case <-ticker.C:
			}
		}
	}()
	most = sync.OnceValue(func() uint64 {
		close(stop)
		largest := <-result
		t.Logf("at most %d MiB on the heap", largest>>20)
		return largest
	})
	t.Cleanup(func() { most() })
	return most
}

// A partition is paused by what its records hold, however few they are.
func TestPausedByBytes(t *testing.T) {
	t.Parallel()
	const records, size = 30, 100_000
	b := newBroker(t, 2)
	half := make([]byte, size/2)
	for range records {
		for p := range int32(2) {
			b.store(t, p, hostile.Plain(&kgo.Record{Value: half, Headers: []kgo.RecordHeader{{Key: "h", Value: half}}}))
		}
	}
	m := join(t, b, config(func(c *intake.Config) { c.QueueBytes = 5 * size }))
	var held []served
	for len(m.in.Info().Partitions) < 2 {
		runtime.Gosched()
	}
	m.paused(t, 0, 1)
	for _, p := range m.in.Info().Partitions {
		// What is over the limit came in the same fetch, of a megabyte at most.
		if most := 5*size + 1<<20 + size; p.Bytes <= 5*size || p.Bytes > most {
			t.Errorf("%s/%d is paused with %d bytes, want more than %d and at most %d", p.Topic, p.Partition, p.Bytes, 5*size, most)
		}
	}
	for range 2 * records {
		held = append(held, m.next(t))
		held[len(held)-1].Done()
	}
	for p := range int32(2) {
		b.committedIs(t, p, records)
	}
	if p := m.in.Info().Partitions[0]; p.Bytes != 0 || p.Paused {
		t.Errorf("at the end the partition has %+v", p)
	}
}

// A topic that somebody else deletes while one looks at it ends the look.
func TestTopicThatIsDeletedWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.store(t, 0, noise(3))
	looking := make(chan struct{}, 100)
	b.lookedAt(func(req *kmsg.FetchRequest) (kmsg.Response, bool) {
		looking <- struct{}{}
		return refused(req, kerr.KafkaStorageError), true
	})
	d := newDiary()
	join(t, b, atOnce(), handler(d.write))
	<-looking
	b.remake(t)
	b.produce(t, 0, 0, 2)
	d.await(t, 2)
	b.committedIs(t, 0, 2)
}

// Nobody knows where a partition begins whose leader was moving when it was
// assigned. It is assigned anew then.
func TestUnreadableBatchAtAnUnknownStart(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.store(t, 0, noise(3))
	b.produce(t, 0, 0, 1)
	moving := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Partitions: []int32{0}, Count: 4, Err: kerr.UnknownServerError,
	})
	d := newDiary()
	m := join(t, b, handler(d.write), drain(time.Millisecond))
	if err := moving.Wait(testContext(t), 4); err != nil {
		t.Fatal(err)
	}
	d.await(t, 1)
	m.skipped(t, 1, 0, 3)
	b.committedIs(t, 0, 4)
}
