package intake_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// diary notes which offsets were served, over all members.
type diary struct {
	mu      sync.Mutex
	served  map[int32][]int64
	total   int
	changed chan struct{}
}

func newDiary() *diary { return &diary{served: make(map[int32][]int64), changed: make(chan struct{})} }

// write is a handler that is done at once.
func (d *diary) write(_ context.Context, i intake.Item) {
	d.mu.Lock()
	d.served[i.Record.Partition] = append(d.served[i.Record.Partition], i.Record.Offset)
	d.total++
	close(d.changed)
	d.changed = make(chan struct{})
	d.mu.Unlock()
	i.Done()
}

// await waits until n records were served.
func (d *diary) await(t *testing.T, n int) {
	t.Helper()
	ctx := testContext(t)
	for {
		d.mu.Lock()
		total, changed := d.total, d.changed
		d.mu.Unlock()
		if total >= n {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%d of %d records were served", total, n)
		}
	}
}

// upTo is 0, 1, … n-1.
func upTo(n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func TestRecordsAreServedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	const partitions, round, rounds = 4, 100, 4
	b := newBroker(t, partitions)
	d := newDiary()
	produced := 0
	produce := func() {
		for p := range int32(partitions) {
			b.produce(t, p, produced, round)
		}
		produced += round
	}
	produce()
	first := join(t, b, handler(d.write))
	first.ready(t)
	produce()
	second := join(t, b, handler(d.write)) // takes over while the first works
	second.ready(t)
	produce()
	d.await(t, partitions*produced/2)
	first.stop() // and leaves again
	produce()
	d.await(t, partitions*produced)
	second.stop()

	want := make(map[int32][]int64)
	for p := range int32(partitions) {
		want[p] = upTo(round * rounds)
		if got := b.committed(t, p); got != round*rounds {
			t.Errorf("partition %d is committed up to %d, want %d", p, got, round*rounds)
		}
	}
	if diff := cmp.Diff(want, d.served); diff != "" {
		t.Errorf("records served (-want +got):\n%s", diff)
	}
}

// rebalance returns a function that waits until members that have handlers
// running know that they are to give up partitions: both have the new
// assignment, and their heartbeats go on.
func (b *broker) rebalance(t *testing.T) (revoking func()) {
	t.Helper()
	observe := func(key kmsg.Key) *kfake.FaultHandle {
		return b.Fault(kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: true, Observe: true, Count: -1})
	}
	synced := observe(kmsg.SyncGroup)
	return func() {
		t.Helper()
		if err := synced.Wait(testContext(t), 2); err != nil {
			t.Fatal(err)
		}
		beats := observe(kmsg.Heartbeat)
		if err := beats.Wait(testContext(t), 10); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRevokeWaitsForTheHandlerAndCommits(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 1)
	b.produce(t, 1, 0, 1)
	// Only the revoke commits, after the first commit of where it starts.
	seldom := config(func(c *intake.Config) { c.CommitInterval = time.Hour })
	first := join(t, b, seldom)
	running := first.take(t, 2)
	b.commits.await(t, 0, 0)
	revoking := b.rebalance(t)
	second := join(t, b)
	revoking()
	for _, r := range running {
		if r.ctx.Err() != nil {
			t.Error("the context of a running handler ended before the drain was over")
		}
		if has := all[events.PartitionsAssigned](second.recorder); len(has) != 0 {
			t.Errorf("the second member was assigned %v while handlers were running", has)
		}
	}
	for _, r := range running {
		r.Done()
	}

	moved := await(t, second.recorder, 1, always[events.PartitionsAssigned]).Partitions[topic]
	if len(moved) != 1 {
		t.Fatalf("the second member owns %v, want one partition", moved)
	}
	revoked := first.leaves(t, moved[0], 1)
	if revoked.Lost || revoked.Group != group {
		t.Errorf("event %+v, want a revoke of group %q", revoked, group)
	}
	if got := b.committed(t, moved[0]); got != 1 {
		t.Errorf("the moved partition was committed at %d, want 1", got)
	}
	b.produce(t, moved[0], 1, 1)
	s := second.next(t)
	s.Done()
	if s.Record.Partition != moved[0] || s.Record.Offset != 1 {
		t.Errorf("the second member starts at partition %d, offset %d; want %d, 1", s.Record.Partition, s.Record.Offset, moved[0])
	}
}

func TestRevokeDropsRecordsThatHaveNotBegun(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 10)
	b.produce(t, 1, 0, 10)
	d := newDiary()
	started, release := make(chan struct{}, 2), make(chan struct{})
	first := join(t, b, handler(func(ctx context.Context, i intake.Item) {
		if i.Record.Offset == 0 {
			started <- struct{}{}
			<-release
		}
		d.write(ctx, i)
	}))
	<-started
	<-started
	revoking := b.rebalance(t)
	second := join(t, b, handler(d.write))
	revoking()
	close(release)
	d.await(t, 20)
	second.stop()
	first.stop()
	if diff := cmp.Diff(map[int32][]int64{0: upTo(10), 1: upTo(10)}, d.served); diff != "" {
		t.Errorf("records served (-want +got):\n%s", diff)
	}
}

// Another member may own the partition by now, so nothing that a handler of the
// old assignment concludes may count.
func TestLostPartitionsAreCancelled(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 2)
	m := join(t, b, config(func(c *intake.Config) { c.Session = time.Second }))
	old := m.take(t, 2)
	b.commits.await(t, 0, 0)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.UnknownMemberID})
	if lost := m.leaves(t, 0, 1); !lost.Lost || lost.Group != group {
		t.Errorf("event %+v, want the loss of a partition of group %q", lost, group)
	}
	for _, r := range old {
		select {
		case <-r.ctx.Done():
		case <-testContext(t).Done():
			t.Fatal("the context of a handler goes on after its partition was lost")
		}
		r.Done() // too late
	}

	again := m.take(t, 2)
	if got := offsets(again); !cmp.Equal(got, []int64{0, 1}) {
		t.Errorf("records %v were delivered again, want 0 and 1", got)
	}
	again[0].Done()
	b.commits.await(t, 0, 1)
	if got := b.commits.list(0); !cmp.Equal(got, []int64{0, 1}) {
		t.Errorf("committed %v, want 0, 1: the old outcomes do not count", got)
	}
	again[1].Done()
}
