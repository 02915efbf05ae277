package intake_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// queueLimit makes the intake pause all the time: a fetch holds a few records,
// and the queue takes fewer.
func queueLimit(n int) setting {
	return config(func(c *intake.Config) {
		c.QueueLimit = n
		c.Options = append(c.Options, kgo.FetchMaxPartitionBytes(1<<10), kgo.FetchMaxBytes(1<<12))
	})
}

func TestNothingIsLostWhilePartitionsPauseAndResume(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 10} {
		const partitions, records = 3, 2_000
		b := newBroker(t, partitions)
		d := newDiary()
		m := join(t, b, queueLimit(limit), handler(d.write))
		for p := range int32(partitions) {
			for first := 0; first < records; first += 100 {
				b.produce(t, p, first, 100)
			}
		}
		d.await(t, partitions*records)
		if !m.stop() {
			t.Error("Run reports a handler that was cut off")
		}
		want := make(map[int32][]int64)
		for p := range int32(partitions) {
			want[p] = upTo(records)
			if got := b.committed(t, p); got != records {
				t.Errorf("partition %d is committed up to %d, want %d", p, got, records)
			}
		}
		if diff := cmp.Diff(want, d.served); diff != "" {
			t.Errorf("limit %d: records served (-want +got):\n%s", limit, diff)
		}
	}
}

// A partition whose handler hangs is paused and holds up no other.
func TestAStuckPartitionHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	const records = 500
	b := newBroker(t, 2)
	d := newDiary()
	release := make(chan struct{})
	m := join(t, b, queueLimit(5), handler(func(ctx context.Context, i intake.Item) {
		if i.Record.Partition == 0 {
			<-release
		}
		d.write(ctx, i)
	}))
	for first := 0; first < records; first += 50 {
		b.produce(t, 0, first, 50)
		b.produce(t, 1, first, 50)
	}
	d.await(t, records) // all of partition 1
	m.paused(t, 0)
	close(release)
	d.await(t, 2*records)
	m.stop()
	if diff := cmp.Diff(map[int32][]int64{0: upTo(records), 1: upTo(records)}, d.served); diff != "" {
		t.Errorf("records served (-want +got):\n%s", diff)
	}
}

// A record whose handler has returned waits for its reply or its commit. It is not
// in anybody's way until the span is too long.
func TestSettledRecordsDoNotFillTheQueue(t *testing.T) {
	t.Parallel()
	const records = 60
	b := newBroker(t, 1)
	for first := 0; first < records; first += 10 {
		b.produce(t, 0, first, 10)
	}
	m := join(t, b, queueLimit(4), config(func(c *intake.Config) { c.UncommittedLimit = 40 }))
	settled := m.take(t, 41)
	m.paused(t, 0)
	if p := m.in.Info().Partitions[0]; p.Unfinished < 41 || p.Span < 41 {
		t.Errorf("the partition is paused with %+v", p)
	}
	for _, s := range settled {
		s.Done()
	}
	for _, s := range m.take(t, records-len(settled)) {
		s.Done()
	}
}

// paused waits until just these partitions are paused.
func (m *member) paused(t *testing.T, partitions ...int32) {
	t.Helper()
	for ctx := testContext(t); ; runtime.Gosched() {
		var are []int32
		for _, p := range m.in.Info().Partitions {
			if p.Paused {
				are = append(are, p.Partition)
			}
		}
		if slices.Equal(are, partitions) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("partitions %v are paused, want %v", are, partitions)
		}
	}
}

// The Kafka client keeps a pause over rebalances, but a partition that comes
// back begins anew.
func TestAPausedPartitionThatComesBackIsRead(t *testing.T) {
	t.Parallel()
	const records = 200
	b := newBroker(t, 2)
	for first := 0; first < records; first += 10 {
		b.produce(t, 0, first, 10)
		b.produce(t, 1, first, 10)
	}
	d := newDiary()
	stuck, release := make(chan struct{}, 2), make(chan struct{})
	first := join(t, b, queueLimit(1), handler(func(ctx context.Context, i intake.Item) {
		if i.Record.Offset == 0 {
			stuck <- struct{}{}
			<-release
		}
		d.write(ctx, i)
	}))
	<-stuck
	<-stuck
	first.paused(t, 0, 1)
	revoking := b.rebalance(t)
	idle := func(ctx context.Context, _ intake.Item) { <-ctx.Done() }
	second := join(t, b, drain(time.Millisecond), handler(idle))
	revoking()
	close(release)
	second.ready(t)
	second.stop() // what it got goes back
	d.await(t, 2*records)
}

// polls tells when the Kafka client is polled.
type polls chan struct{}

func (p polls) OnPollStart(context.Context) {
	select {
	case p <- struct{}{}:
	default:
	}
}

// A partition that was awaited in vain is paused, but not its next generation.
func TestAnOldGenerationPausesNoNewOne(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	for first := 0; first < 2_000; first += 100 {
		b.produce(t, 0, first, 100)
	}
	polled, door := make(polls), make(chan struct{})
	m := join(t, b, queueLimit(1), config(func(c *intake.Config) {
		c.Options = append(c.Options, kgo.WithHooks(polled))
	}), handler(func(ctx context.Context, i intake.Item) {
		select {
		case door <- struct{}{}:
		case <-ctx.Done():
		}
		i.Done()
	}))
	for ctx := testContext(t); !m.in.RenewAwaited(); runtime.Gosched() { // each fetch is awaited anew
		select {
		case <-door:
		case <-ctx.Done():
			t.Fatal("the partition is never awaited")
		}
	}
	<-polled
	if paused := m.in.PausedInClient(); len(paused) > 0 {
		t.Errorf("%v are paused, and nobody would resume them", paused)
	}
	m.stop()
}
