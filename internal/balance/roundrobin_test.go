package balance_test

import (
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/siskin-go/siskin/internal/balance"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What kafkajs 2.2.4 writes. The tests in interop compare both with a live one.
const (
	kafkajsMetadata   = "0000" + "00000002" + "0003" + "6d6178" + "0003" + "73756d" + "00000000"
	kafkajsAssignment = "0000" + "00000002" +
		"0003" + "6d6178" + "00000002" + "00000000" + "00000002" +
		"0003" + "73756d" + "00000001" + "00000001" + "00000000"
)

func TestMetadataIsThatOfKafkajs(t *testing.T) {
	t.Parallel()
	got := new(balance.RoundRobin).JoinGroupMetadata([]string{"max", "sum"}, map[string][]int32{"max": {1}}, 7)
	if hex.EncodeToString(got) != kafkajsMetadata {
		t.Errorf("got %x, want %s", got, kafkajsMetadata)
	}
}

func TestAssignmentIsThatOfKafkajs(t *testing.T) {
	t.Parallel()
	s := balance.Share{Topics: []balance.Part{
		{Topic: "max", Partitions: []int32{0, 2}}, {Topic: "sum", Partitions: []int32{1}},
	}}
	if got := hex.EncodeToString(s.Assignment()); got != kafkajsAssignment {
		t.Errorf("got %s, want %s", got, kafkajsAssignment)
	}
}

func lead(t *testing.T, topics map[string]int32, members map[string][]byte) map[string][]byte {
	t.Helper()
	var joined []kmsg.JoinGroupResponseMember
	for id, metadata := range members {
		joined = append(joined, kmsg.JoinGroupResponseMember{MemberID: id, ProtocolMetadata: metadata})
	}
	b, read, err := new(balance.RoundRobin).MemberBalancer(joined)
	if err != nil {
		t.Fatal(err)
	}
	for topic := range topics {
		if _, ok := read[topic]; !ok {
			t.Errorf("the client is not asked for the partitions of %s", topic)
		}
	}
	plan, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(topics)
	if err != nil {
		t.Fatal(err)
	}
	given := make(map[string][]byte)
	for _, a := range plan.IntoSyncAssignment() {
		given[a.MemberID] = a.MemberAssignment
	}
	return given
}

func TestALeaderDeals(t *testing.T) {
	t.Parallel()
	both := balance.Metadata([]string{"sum", "max"}) // in the order of its handlers
	given := lead(t, map[string]int32{"max": 1, "sum": 1}, map[string][]byte{"a": both, "b": both, "c": both})
	if len(given) != 2 {
		t.Fatalf("%d members are given something, want 2: kafkajs leaves out who gets nothing", len(given))
	}
	for member, want := range map[string]map[string][]int32{"a": {"max": {0}}, "b": {"sum": {0}}} {
		got, err := kgo.ParseConsumerSyncAssignment(given[member])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is given %v, %v; want %v", member, got, err, want)
		}
	}
}

func TestALeaderGivesNobodyWhatItDoesNotRead(t *testing.T) {
	t.Parallel()
	given := lead(t, map[string]int32{"max": 2, "sum": 2}, map[string][]byte{
		"a": balance.Metadata([]string{"sum"}), "b": balance.Metadata([]string{"max"}), "c": balance.Metadata(nil),
	})
	for member, want := range map[string]map[string][]int32{"a": {"sum": {0, 1}}, "b": {"max": {0, 1}}} {
		got, err := kgo.ParseConsumerSyncAssignment(given[member])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is given %v, %v; want %v", member, got, err, want)
		}
	}
}

func TestALeaderWithNothingToDealStillLeads(t *testing.T) {
	t.Parallel()
	b, _, err := new(balance.RoundRobin).MemberBalancer(nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(nil)
	if err != nil || plan.IntoSyncAssignment() == nil {
		t.Errorf("the plan is %v, %v; want an empty one", plan, err)
	}
}

func TestALeaderRefusesAMemberThatItCannotRead(t *testing.T) {
	t.Parallel()
	_, _, err := new(balance.RoundRobin).MemberBalancer([]kmsg.JoinGroupResponseMember{{ProtocolMetadata: []byte{9}}})
	if err == nil {
		t.Error("got no error")
	}
}

func TestNoBytesAreNoPartitions(t *testing.T) {
	t.Parallel()
	got, err := new(balance.RoundRobin).ParseSyncAssignment(nil)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v; want nothing", got, err)
	}
	if _, err := new(balance.RoundRobin).ParseSyncAssignment([]byte{0}); err == nil {
		t.Error("half an assignment is taken")
	}
}

func TestWhatAMemberDoesNotReadIsLeftOut(t *testing.T) {
	t.Parallel()
	r := new(balance.RoundRobin)
	r.JoinGroupMetadata([]string{"sum"}, nil, 1)
	s := balance.Share{Topics: []balance.Part{{Topic: "max", Partitions: []int32{0, 2}}, {Topic: "sum", Partitions: []int32{1}}}}
	got, err := r.ParseSyncAssignment(s.Assignment())
	if err != nil || !reflect.DeepEqual(got, map[string][]int32{"sum": {1}}) {
		t.Errorf("got %v, %v; want its own topic only", got, err)
	}
	if got := r.Foreign(); !reflect.DeepEqual(got, map[string][]int32{"max": {0, 2}}) {
		t.Errorf("noted are %v", got)
	}
	r.JoinGroupMetadata([]string{"sum"}, nil, 2)
	if got := r.Foreign(); len(got) != 0 {
		t.Errorf("a new join keeps %v of the one before", got)
	}
}

// A member that runs cooperative-sticky eagerly says that it owns nothing.
func TestAnEagerMemberOwnsNothing(t *testing.T) {
	t.Parallel()
	offers := balance.Balancers(new(balance.RoundRobin))
	if got := []string{offers[0].ProtocolName(), offers[1].ProtocolName()}; !reflect.DeepEqual(
		got, []string{"cooperative-sticky", "RoundRobinAssigner"}) {
		t.Errorf("a member offers %v", got)
	}
	var meta kmsg.ConsumerMemberMetadata
	if err := meta.ReadFrom(offers[0].JoinGroupMetadata([]string{"sum"}, map[string][]int32{"sum": {1}}, 3)); err != nil {
		t.Fatal(err)
	}
	if len(meta.OwnedPartitions) > 0 || meta.Generation != 3 || offers[0].IsCooperative() {
		t.Errorf("it says that it owns %v in generation %d, cooperative %v",
			meta.OwnedPartitions, meta.Generation, offers[0].IsCooperative())
	}
}
