package intake_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestStopWaitsForTheRunningHandlerAndDropsWhatWaits(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	left := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, TopLevel: true, Observe: true, Count: -1})
	b.produce(t, 0, 0, 3)
	started, release := make(chan int64, 3), make(chan struct{})
	m := join(t, b, handler(func(ctx context.Context, i intake.Item) {
		started <- i.Record.Offset
		<-release
		if ctx.Err() != nil {
			t.Error("the handler's context ended before the drain was over")
		}
		if left.Hits() != 0 {
			t.Error("the member left its group while a handler was running")
		}
		i.Done()
	}))
	<-started
	m.cancel()
	close(release)
	if !m.stop() {
		t.Error("Run reports a handler that was cut off")
	}
	served := int64(1 + len(started))
	if got := b.committed(t, 0); got != served {
		t.Errorf("%d records were served, but %d is committed", served, got)
	}
	if left.Hits() != 1 {
		t.Errorf("%d requests to leave the group, want 1", left.Hits())
	}
}

// An outcome can come after its handler has returned: a reply under way.
func TestStopWaitsForOutcomesUnderWay(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 2)
	m := join(t, b)
	records := m.take(t, 2)
	m.cancel()
	go func() {
		records[1].Done()
		records[0].Done()
	}()
	if !m.stop() {
		t.Error("Run reports a handler that was cut off")
	}
	if got := b.committed(t, 0); got != 2 {
		t.Errorf("committed offset %d, want 2", got)
	}
}

func TestHandlersAreCutOffAtTheEndOfTheDrain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 1)
	started, ended := make(chan struct{}), make(chan struct{})
	m := join(t, b, drain(time.Millisecond), handler(func(ctx context.Context, _ intake.Item) {
		close(started)
		<-ctx.Done()
		close(ended)
	}))
	<-started
	if m.stop() {
		t.Error("Run reports that all handlers were done")
	}
	<-ended
	if got := b.committed(t, 0); got != 0 {
		t.Errorf("committed offset %d, want 0: the record is not done", got)
	}
}

// The Kafka client holds commits back while the group waits for a member that has
// died. A stop does not wait for that, but it says what is not committed.
func TestStopTellsThatItCouldNotCommit(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	m := join(t, b)
	b.commits.await(t, 0, 0) // where it starts
	held, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	b.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(held)
		b.SleepControl(func() { <-release })
		return nil, nil, false
	})
	b.produce(t, 0, 0, 1)
	m.next(t).Done()
	<-held
	m.stop()
	failed := all[events.CommitFailed](m.recorder)
	if !slices.ContainsFunc(failed, func(e events.CommitFailed) bool { return errors.Is(e.Err, context.DeadlineExceeded) }) {
		t.Errorf("the events %v do not say that the last commit was given up", failed)
	}
}

func TestTheNextMemberNeedNotWait(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 1)
	// A session longer than the patience of this test: only a member that
	// leaves makes room for the next.
	long := config(func(c *intake.Config) { c.Session = 4 * time.Minute })
	first := join(t, b, long)
	first.next(t).Done()
	first.stop()

	b.produce(t, 0, 1, 1)
	second := join(t, b, long)
	s := second.next(t)
	s.Done()
	if s.Record.Offset != 1 {
		t.Errorf("the next member starts at %d, want 1", s.Record.Offset)
	}
	assigned := all[events.PartitionsAssigned](first.recorder)
	want := []events.PartitionsAssigned{{Group: group, Partitions: map[string][]int32{topic: {0}}}}
	if diff := cmp.Diff(want, assigned, cmpopts.IgnoreUnexported(events.PartitionsAssigned{})); diff != "" {
		t.Errorf("assignments of the first member (-want +got):\n%s", diff)
	}
}

// A member that was thrown out while the group gathers is told so when it joins again,
// and can stop before that. What it has done since is not committed, and somebody else
// does it again: that must not stay untold.
func TestStopTellsWhatTheMemberHasLost(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	m := join(t, b)
	b.commits.await(t, 0, 0) // where it starts
	b.produce(t, 0, 0, 1)
	s := m.next(t)
	held, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	b.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp := r.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode = kerr.UnknownMemberID.Code
		b.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
			close(held)
			b.SleepControl(func() { <-release })
			return nil, nil, false
		})
		return resp, nil, true
	})
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.RebalanceInProgress})
	<-held
	s.Done()
	m.stop()
	if lost := m.leaves(t, 0, 1); !lost.Lost {
		t.Errorf("event %+v, want the loss of a partition", lost)
	}
}

// A group that waits for one member is not to wait for another one that has stopped
// meanwhile, and not to give it partitions.
func TestMemberThatStopsInAJoinLeavesItsGroup(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	first := join(t, b)
	first.owns(t, 0, 1)
	slow, _ := b.holdJoin(t)
	second := join(t, b)
	for ctx := testContext(t); len(b.GroupInfo(group).Members) < 2; {
		if ctx.Err() != nil {
			t.Fatal("the second member does not join")
		}
	}
	second.stop()
	if members := b.GroupInfo(group).Members; len(members) != 1 || members[0].MemberID != slow {
		t.Errorf("the members are %v, want the first one only", members)
	}
}

// The Kafka client holds the last commit back too, and it takes all the time that there
// is.
func TestMemberThatCannotCommitInAJoinLeavesItsGroup(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	m := join(t, b)
	b.commits.await(t, 0, 0) // where it starts
	b.produce(t, 0, 0, 1)
	s := m.next(t)
	_, held := b.holdJoin(t)
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.RebalanceInProgress})
	<-held
	s.Done()
	m.stop()
	if members := b.GroupInfo(group).Members; len(members) != 0 {
		t.Errorf("the members are %v, want none", members)
	}
}

// holdJoin keeps the next joins of the only member at the broker until the test ends.
func (b *broker) holdJoin(t *testing.T) (member string, held <-chan struct{}) {
	t.Helper()
	release, came := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the member stops
	once := sync.OnceFunc(func() { close(came) })
	member = b.GroupInfo(group).Members[0].MemberID
	b.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if r.(*kmsg.JoinGroupRequest).MemberID == member {
			once()
			b.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	return member, came
}
