package intake_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/status"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// bills is a second topic, for groups that do not agree on what to read.
const bills = "bills"

func reading(topics ...string) setting {
	return config(func(c *intake.Config) { c.Topics = topics })
}

// besideNest is a member as Config.Protocol "nestjs" makes it.
var besideNest = config(func(c *intake.Config) { c.NestJS = true })

// nest stands in for a NestJS server: it offers nothing but RoundRobinAssigner,
// and gives its own topics to all members when it leads, as kafkajs does. The
// real one is in interop.
func nest(topics ...string) setting {
	return config(func(c *intake.Config) {
		c.Topics = topics
		c.Options = append(c.Options, kgo.Balancers(&careless{topics: topics}))
	})
}

type careless struct {
	balance.RoundRobin
	topics []string
}

func (c *careless) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	var all []kmsg.JoinGroupResponseMember
	for _, m := range members {
		m.ProtocolMetadata = balance.Metadata(c.topics)
		all = append(all, m)
	}
	return c.RoundRobin.MemberBalancer(all)
}

func withBills(t *testing.T, partitions int32) *broker {
	t.Helper()
	b := newBroker(t, partitions)
	if _, err := b.admin.CreateTopic(testContext(t), partitions, 1, nil, bills); err != nil {
		t.Fatal(err)
	}
	return b
}

// settles waits until the group has so many members that share in one way.
func (b *broker) settles(t *testing.T, protocol string, members int) {
	t.Helper()
	ctx := testContext(t)
	for {
		groups, err := b.admin.DescribeGroups(ctx, group)
		if err != nil {
			t.Fatalf("the group has not settled with %d members on %s: %v", members, protocol, err)
		}
		g := groups[group]
		if g.State == "Stable" && g.Protocol == protocol && len(g.Members) == members {
			return
		}
	}
}

// everybody serves what was produced, in whichever member.
func everybody(t *testing.T, b *broker, n int, members ...*member) {
	t.Helper()
	for p := range int32(n) {
		b.produce(t, p, 0, 1)
	}
	served := make(chan served)
	done := make(chan struct{})
	defer close(done)
	for _, m := range members {
		go func() {
			for {
				select {
				case s := <-m.items:
					s.Done()
					select {
					case served <- s:
					case <-done:
					}
				case <-done:
					return
				}
			}
		}()
	}
	missing := make(map[int32]bool)
	for p := range int32(n) {
		missing[p] = true
	}
	for len(missing) > 0 {
		select {
		case s := <-served:
			delete(missing, s.Record.Partition)
		case <-testContext(t).Done():
			t.Fatalf("records of the partitions %v were not served", slices.Collect(maps.Keys(missing)))
		}
	}
}

func TestTheGroupFollowsItsNestJSServers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 5)
	theirs := join(t, b, nest(topic))
	theirs.ready(t)
	first := join(t, b, besideNest)
	second := join(t, b, besideNest)
	b.settles(t, balance.Protocol, 3)
	everybody(t, b, 5, theirs, first, second)
	theirs.stop()
	b.settles(t, "cooperative-sticky", 2)
	everybody(t, b, 5, first, second)
	back := join(t, b, nest(topic))
	b.settles(t, balance.Protocol, 3)
	everybody(t, b, 5, back, first, second)
	first.stop()
	second.stop()
	everybody(t, b, 5, back)
}

// When the last NestJS server has left for good, the services change to their own
// way one after the other.
func TestTheGroupGoesOverToClassicMembers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 5)
	first, second := join(t, b, besideNest), join(t, b, besideNest)
	b.settles(t, "cooperative-sticky", 2)
	third := join(t, b)
	b.settles(t, "cooperative-sticky", 3)
	everybody(t, b, 5, first, second, third)
	first.stop()
	fourth := join(t, b)
	b.settles(t, "cooperative-sticky", 3)
	everybody(t, b, 5, second, third, fourth)
	second.stop()
	everybody(t, b, 5, third, fourth)
}

// A NestJS server that joins waits for the handlers of the others.
func TestAJoiningNestJSServerWaitsForHandlers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	ours := join(t, b, besideNest)
	ours.ready(t)
	b.produce(t, 0, 0, 1)
	b.produce(t, 1, 0, 1)
	held := ours.take(t, 2)
	joined := b.heartbeatsAfterJoin(t, 2)
	theirs := join(t, b, nest(topic))
	<-joined
	select {
	case s := <-theirs.items:
		t.Fatalf("it is given partition %d, whose handler still runs", s.Record.Partition)
	case <-theirs.joined:
		t.Fatal("it has joined, while handlers still run")
	default:
	}
	for _, s := range held {
		s.Done()
	}
	b.settles(t, balance.Protocol, 2)
	everybody(t, b, 2, ours, theirs)
	for p := range int32(2) {
		if asked := b.commits.list(p); !slices.IsSorted(asked) {
			t.Errorf("the commits of partition %d went back: %v", p, asked)
		}
	}
}

// heartbeatsAfterJoin is closed at the nth heartbeat after the next JoinGroup.
func (b *broker) heartbeatsAfterJoin(t *testing.T, n int) <-chan struct{} {
	t.Helper()
	reached := make(chan struct{})
	asked := false
	b.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		asked = true
		b.KeepControl()
		return nil, nil, false
	})
	b.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if asked && n > 0 {
			if n--; n == 0 {
				close(reached)
			}
		}
		return nil, nil, false
	})
	return reached
}

func TestAMemberThatIsGivenWhatItDoesNotReadLeaves(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "desk-1"} { // a static member must not keep its place
		t.Run("id="+id, func(t *testing.T) {
			t.Parallel()
			b := withBills(t, 2)
			theirs := join(t, b, nest(topic, bills))
			theirs.ready(t)
			ours := join(t, b, besideNest, config(func(c *intake.Config) { c.InstanceID = id }))
			<-ours.ended
			if !errors.Is(ours.err, intake.ErrTopicsDiffer) || !strings.Contains(ours.err.Error(), "of "+bills) {
				t.Errorf("it ends with %v", ours.err)
			}
			everybody(t, b, 2, theirs)
		})
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	b := withBills(t, 2)
	fits := func(nestjs bool, patterns []string, topics ...string) error {
		return intake.Fits(testContext(t), b.admin, intake.Config{Group: group, NestJS: nestjs, Topics: topics, Patterns: patterns})
	}
	if err := fits(true, nil, topic); err != nil {
		t.Errorf("a group that does not exist: %v", err)
	}
	theirs := join(t, b, nest(topic, bills))
	theirs.ready(t)
	b.settles(t, balance.Protocol, 1)
	err := fits(true, nil, topic)
	if !errors.Is(err, intake.ErrTopicsDiffer) || !strings.Contains(err.Error(), "reads also "+bills) {
		t.Errorf("a member with fewer topics: %v", err)
	}
	if err := fits(true, nil, topic, bills, "more"); err != nil {
		t.Errorf("a member with more topics: %v", err)
	}
	if err := fits(true, []string{"^bill"}, topic); err != nil {
		t.Errorf("a member with a pattern: %v", err)
	}
	if err := fits(false, nil, topic); err != nil {
		t.Errorf("a classic member: %v", err)
	}
}

func TestWhatNobodyReadsIsTold(t *testing.T) {
	t.Parallel()
	b := withBills(t, 2)
	theirs := join(t, b, nest(topic))
	theirs.ready(t)
	ours := join(t, b, besideNest, reading(topic, bills))
	told := await(t, ours.recorder, 1, always[events.TopicsDiffer])
	if !slices.Equal(told.Unread, []string{bills}) || len(told.Members) != 1 || !slices.Equal(told.Members[0].Not, []string{bills}) {
		t.Errorf("told was %+v", told)
	}
	if h := status.Check(ours.in.Info(), nil); h.OK() || !strings.Contains(h.Problems[0], "reads the topic "+bills) {
		t.Errorf("health: %v", h.Problems)
	}
	everybody(t, b, 2, theirs, ours) // it works on all the same
	theirs.stop()
	b.settles(t, "cooperative-sticky", 1)
	await(t, ours.recorder, 1, func(e events.PartitionsAssigned) bool { return len(e.Partitions[bills]) == 2 })
	for ctx := testContext(t); !status.Check(ours.in.Info(), nil).OK(); {
		if ctx.Err() != nil {
			t.Fatalf("health, when it reads all: %v", status.Check(ours.in.Info(), nil).Problems)
		}
	}
}

func TestAMemberThatLeadsGivesEachWhatItReads(t *testing.T) {
	t.Parallel()
	b := withBills(t, 2)
	ours := join(t, b, besideNest)
	ours.ready(t)
	theirs := join(t, b, nest(topic, bills))
	told := await(t, ours.recorder, 1, always[events.TopicsDiffer])
	if len(told.Unread) > 0 || len(told.Members) != 1 || !slices.Equal(told.Members[0].Also, []string{bills}) {
		t.Errorf("told was %+v", told)
	}
	await(t, theirs.recorder, 1, func(e events.PartitionsAssigned) bool { return len(e.Partitions[bills]) == 2 })
	everybody(t, b, 2, theirs, ours)
}

func TestAClassicMemberAmongNestJSServersSaysWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	theirs := join(t, b, nest(topic))
	theirs.ready(t)
	ours := join(t, b)
	failed := await(t, ours.recorder, 1, always[events.GroupFailed])
	if !errors.Is(failed.Err, kerr.InconsistentGroupProtocol) || !strings.Contains(failed.Message(), `Config.Protocol to "nestjs"`) {
		t.Errorf("it says %q, %v", failed.Message(), failed.Err)
	}
	everybody(t, b, 1, theirs)
}

// A static member that is killed takes its place again, and nobody else notices.
func TestAStaticMemberComesBackToNestJSServers(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 4)
	theirs := join(t, b, nest(topic))
	theirs.ready(t)
	named := config(func(c *intake.Config) { c.InstanceID = "desk-1" })
	first := join(t, b, besideNest, named)
	b.settles(t, balance.Protocol, 2)
	everybody(t, b, 4, theirs, first)
	epoch := b.GroupInfo(group).Epoch
	first.in.Abort()
	first.stop()
	second := join(t, b, besideNest, named)
	everybody(t, b, 4, theirs, second)
	if now := b.GroupInfo(group).Epoch; now != epoch {
		t.Errorf("the group has shared its partitions anew: generation %d after %d", now, epoch)
	}
}

// kafkajs has special offsets for the beginning and the end. The Kafka client
// gives the latter to a partition without a commit too.
func TestSpecialOffsetsOfKafkajs(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 2)
	b.produce(t, 1, 0, 2)
	b.commit(t, 0, -2)
	b.commit(t, 1, -1)
	m := join(t, b, besideNest, startAt(intake.Start{}))
	m.ready(t)
	b.committedIs(t, 0, 0)
	b.committedIs(t, 1, 2)
}
