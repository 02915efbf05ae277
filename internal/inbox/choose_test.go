package inbox_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave makes calls of the route time out until the inbox has left it.
func (b *bench) leave(t *testing.T, r *inbox.Route) *inbox.Route {
	t.Helper()
	b.mu.Lock()
	before := len(b.left)
	b.mu.Unlock()
	for range 3 {
		b.TimedOut(r)
	}
	b.await(t, "the route to be left", func() bool { return len(b.left) > before })
	return b.route(t, r.Topic)
}

func TestRouteWhoseCallsTimeOutIsLeft(t *testing.T) {
	t.Parallel()
	b := setup(t, 3, []string{"sum.reply"})
	old := b.route(t, "sum.reply")
	b.TimedOut(old)
	b.TimedOut(old)
	if b.route(t, "sum.reply") != old {
		t.Fatal("the route was left after two timeouts")
	}
	b.TimedOut(old)
	r := b.route(t, "sum.reply")
	if r.Partition == old.Partition {
		t.Fatalf("after three timeouts the route is still partition %d", r.Partition)
	}
	if len(b.left) != 1 || b.left[0].Partition != old.Partition || b.left[0].Failed != 0 {
		t.Errorf("events %+v, want one for partition %d without failed calls", b.left, old.Partition)
	}
	// Replies that come late on the old partition are still read.
	b.reply(t, "sum.reply", old.Partition, "late")
	b.wantDelivered(t, "late")
	b.reply(t, "sum.reply", r.Partition, "new")
	b.wantDelivered(t, "late", "new")
	b.TimedOut(old) // a late timeout of a route that is no longer used
	if b.route(t, "sum.reply") != r {
		t.Error("a timeout on the old route made the inbox leave the new one")
	}
}

func TestAnswersForgetTimeouts(t *testing.T) {
	t.Parallel()
	b := setup(t, 3, []string{"sum.reply"})
	r := b.route(t, "sum.reply")
	for range 5 {
		b.TimedOut(r)
		b.TimedOut(r)
		r.Answered()
	}
	if b.route(t, "sum.reply") != r || len(b.left) != 0 {
		t.Errorf("a route that answers was left: %+v", b.left)
	}
}

func TestTheOnlyPartitionIsNotLeft(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	r := b.route(t, "sum.reply")
	for range 10 {
		b.TimedOut(r)
	}
	if b.route(t, "sum.reply") != r || len(b.left) != 0 {
		t.Errorf("the only partition was left: %+v", b.left)
	}
}

// A NestJS server drops replies to a partition that it does not know yet.
func TestPartitionsThatAppearAreAvoided(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"sum.reply"})
	r := b.route(t, "sum.reply")
	if _, err := b.admin.CreatePartitions(testContext(t), 20, "sum.reply"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		next := b.leave(t, r)
		if next.Partition > 1 || next.Partition == r.Partition {
			t.Fatalf("after partition %d came %d, want the other of 0 and 1", r.Partition, next.Partition)
		}
		r = next
	}
}

func TestPartitionWithoutALeaderIsAvoided(t *testing.T) {
	t.Parallel()
	b := setup(t, 3, []string{"sum.reply"})
	b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "sum.reply", Partitions: []int32{0, 2}, Count: -1,
		Err: kerr.UnknownServerError,
	})
	if r := b.route(t, "sum.reply"); r.Partition != 1 {
		t.Errorf("the route is partition %d, want 1: the only one with a leader", r.Partition)
	}
}

func TestTopicWithoutLeadersIsAskedForAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	away := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "sum.reply", Partitions: []int32{0}, Count: 3,
		Err: kerr.UnknownServerError,
	})
	b.route(t, "sum.reply")
	if away.Hits() != 3 {
		t.Errorf("the route was opened after %d failures, want 3", away.Hits())
	}
}

func TestClientsSpreadOverPartitions(t *testing.T) {
	t.Parallel()
	const partitions, clients = 3, 60
	used := make(map[int32]int)
	first := setup(t, partitions, []string{"sum.reply"})
	for range clients {
		in := inbox.New(first.config)
		t.Cleanup(in.Close)
		r, err := in.Route(testContext(t), "sum.reply")
		if err != nil {
			t.Fatal(err)
		}
		used[r.Partition]++
	}
	// The chance that 60 fair choices leave one of 3 out is 1 in 10 billion.
	if len(used) != partitions {
		t.Errorf("%d clients use %d of %d partitions: %v", clients, len(used), partitions, used)
	}
}
