package migration_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// raw describes the group with the bytes that its members wrote.
func (s *stage) raw() kmsg.DescribeGroupsResponseGroup {
	s.t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{s.group()}
	resp, err := req.RequestWith(s.ctx(), s.client)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Groups[0]
}

// TestBytesOfAGroup looks at what a live NestJS server writes to its group and
// what Siskin writes, each as the leader.
func TestBytesOfAGroup(t *testing.T) {
	t.Parallel()
	for _, leader := range []who{byNest, bySiskin} {
		t.Run(fmt.Sprint(leader, " leads"), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, work, "more")
			patterns := "PATTERNS=more,work" // in the order of their names, as ours
			if leader == byNest {
				s.nestServer(patterns)
				s.siskinServer(work, "more")
			} else {
				s.siskinServer(work, "more")
				s.nestServer(patterns)
			}
			s.settles(balance.Protocol, 2)
			g := s.raw()
			topics := []string{s.topic("more"), s.topic(work)}
			var members []balance.Member
			for _, m := range g.Members {
				members = append(members, balance.Member{ID: m.MemberID, Topics: topics})
				if want := balance.Metadata(topics); !bytes.Equal(m.ProtocolMetadata, want) {
					t.Errorf("%s joins with\n%x\nwant\n%x", m.MemberID, m.ProtocolMetadata, want)
				}
			}
			given := shares(g)
			if leader == byNest {
				readable(t, given, topics)
				return
			}
			for _, share := range balance.Deal(members, all(topics)) {
				if want := share.Assignment(); !bytes.Equal(given[share.Member], want) {
					t.Errorf("%s is given\n%x\nwant\n%x", share.Member, given[share.Member], want)
				}
			}
		})
	}
}

func all(names []string) []balance.Topic {
	topics := make([]balance.Topic, len(names))
	for i, name := range names {
		topics[i] = balance.Topic{Name: name, Partitions: partitions}
	}
	return topics
}

// readable checks what a NestJS server has given: in the order in which the broker
// has told it the partitions, which can be any, but in the bytes that we would
// write for the same.
func readable(t *testing.T, given map[string][]byte, topics []string) {
	t.Helper()
	owners := make(map[string]string)
	for member, assignment := range given {
		var a kmsg.ConsumerMemberAssignment
		if err := a.ReadFrom(assignment); err != nil {
			t.Fatal(err)
		}
		share := balance.Share{Member: member}
		for _, part := range a.Topics {
			share.Topics = append(share.Topics, balance.Part{Topic: part.Topic, Partitions: part.Partitions})
			for _, n := range part.Partitions {
				owners[fmt.Sprint(part.Topic, "/", n)] = member
			}
		}
		if got := share.Assignment(); !bytes.Equal(got, assignment) {
			t.Errorf("%s is given\n%x\nwe would write\n%x", member, assignment, got)
		}
	}
	if want := len(topics) * partitions; len(owners) != want {
		t.Errorf("%d partitions have an owner, want %d: %v", len(owners), want, owners)
	}
}

// A NestJS server that leads gives Siskin what it does not read. Siskin leaves,
// names the topics, and does not join again while that would be so.
func TestANestJSServerReadsMore(t *testing.T) {
	t.Parallel()
	s := newStage(t, work, "more")
	s.nestServer("PATTERNS=work,more")
	svc := s.service(s.cfg, work)
	err := svc.Run(s.ctx())
	if !errors.Is(err, siskin.ErrTopicsDiffer) || !strings.Contains(err.Error(), "reads also "+s.topic("more")) {
		t.Errorf("the service ends with %v", err)
	}
	client := siskintest.Client(t, s.cfg)
	for range 2 * partitions {
		if _, err := s.bySiskin(client, work)(s.ctx(), "x"); err != nil {
			t.Error(err)
		}
	}
}

// A NestJS server that leads gives nobody what only Siskin reads. Siskin says so,
// and works on.
func TestANestJSServerReadsLess(t *testing.T) {
	t.Parallel()
	s := newStage(t, work, "own")
	s.nestServer()
	cfg, told := watch[events.TopicsDiffer](s.cfg)
	svc := s.service(cfg, work, "own")
	siskintest.Run(t, svc)
	select {
	case e := <-told:
		if !slices.Equal(e.Unread, []string{s.topic("own")}) {
			t.Errorf("told was %+v", e)
		}
	case <-s.ctx().Done():
		t.Error("nobody was told that a topic is not read")
	}
	client := siskintest.Client(t, s.cfg)
	for i := range 2 * partitions {
		if _, err := s.bySiskin(client, work)(s.ctx(), fmt.Sprint("call ", i)); err != nil {
			t.Error(err)
		}
	}
	if s.ledger.count(byNest) == 0 || s.ledger.count(bySiskin) == 0 {
		t.Errorf("requests by server: %v", s.ledger.counts)
	}
}

// TestSurplusMembers has more members than partitions: kafkajs gives those no
// bytes at all.
func TestSurplusMembers(t *testing.T) {
	t.Parallel()
	s := newStage(t, work)
	s.nestServer()
	for range partitions {
		s.siskinServer(work)
	}
	g := s.settles(balance.Protocol, partitions+1)
	given := make(map[string]int)
	for _, m := range g.Members {
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range a.Topics {
				given[m.MemberID] += len(topic.Partitions)
			}
		}
	}
	if len(given) != partitions || slices.Max(slices.Collect(maps.Values(given))) != 1 {
		t.Errorf("partitions by member: %v", given)
	}
	before := shares(s.raw())
	client := siskintest.Client(t, s.cfg)
	for i := range 2 * partitions {
		if _, err := s.bySiskin(client, work)(s.ctx(), fmt.Sprint("call ", i)); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(before, shares(s.raw())); diff != "" {
		t.Errorf("the group did not stay as it was:\n%s", diff)
	}
}

// shares are the bytes that each member was given.
func shares(g kmsg.DescribeGroupsResponseGroup) map[string][]byte {
	given := make(map[string][]byte)
	for _, m := range g.Members {
		given[m.MemberID] = m.MemberAssignment
	}
	return given
}

// A static member of a group with NestJS servers comes back to its place.
func TestAStaticMember(t *testing.T) {
	t.Parallel()
	s := newStage(t, work)
	s.nestServer()
	s.cfg.InstanceID = siskintest.Name("desk")
	first := s.siskinServer(work)
	g := s.settles(balance.Protocol, 2)
	first()
	if now := s.settles(balance.Protocol, 2); !slices.Equal(ids(now.Members), ids(g.Members)) {
		t.Errorf("members %v after a static one has stopped, before %v", ids(now.Members), ids(g.Members))
	}
	s.siskinServer(work)
	client := siskintest.Client(t, s.cfg)
	for i := range 2 * partitions {
		if _, err := s.bySiskin(client, work)(s.ctx(), fmt.Sprint("call ", i)); err != nil {
			t.Error(err)
		}
	}
	s.settles(balance.Protocol, 2)
	if s.ledger.count(byNest) == 0 || s.ledger.count(bySiskin) == 0 {
		t.Errorf("requests by server: %v", s.ledger.counts)
	}
}

// A classic member cannot join NestJS servers, and says what to do.
func TestAClassicMemberSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStage(t, work)
	s.nestServer()
	cfg, failed := watch[events.GroupFailed](s.cfg)
	cfg.Protocol = "classic"
	svc := s.service(cfg, work)
	stop := s.runs(svc)
	defer stop()
	select {
	case e := <-failed:
		if !strings.Contains(e.Message(), `Config.Protocol to "nestjs"`) {
			t.Errorf("it says %q, %v", e.Message(), e.Err)
		}
	case <-s.ctx().Done():
		t.Error("it says nothing")
	}
}
