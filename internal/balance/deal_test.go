package balance_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/balance"
	"pgregory.net/rapid"
)

func topicsOf(t *rapid.T) []balance.Topic {
	n := rapid.IntRange(0, 6).Draw(t, "topics")
	topics := make([]balance.Topic, n)
	for i := range topics {
		topics[i] = balance.Topic{Name: fmt.Sprint("topic-", i), Partitions: rapid.Int32Range(0, 9).Draw(t, "partitions")}
	}
	return topics
}

// membersOf draws members that read all topics, or each its own.
func membersOf(t *rapid.T, topics []balance.Topic, equal bool) []balance.Member {
	ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,3}-[0-9a-f]{4}`), 1, 7, rapid.ID).Draw(t, "ids")
	members := make([]balance.Member, len(ids))
	for i, id := range ids {
		members[i].ID = id
		for _, topic := range topics {
			if equal || rapid.Bool().Draw(t, "reads") {
				members[i].Topics = append(members[i].Topics, topic.Name)
			}
		}
	}
	return members
}

type partition struct {
	topic string
	n     int32
}

// owners says who has each partition, and fails when two have one.
func owners(t *rapid.T, shares []balance.Share) map[partition]string {
	owner := make(map[partition]string)
	for _, s := range shares {
		if len(s.Topics) == 0 {
			t.Fatalf("%s has a share of nothing", s.Member)
		}
		for _, part := range s.Topics {
			for _, n := range part.Partitions {
				p := partition{part.Topic, n}
				if other, taken := owner[p]; taken {
					t.Fatalf("%s and %s both have %v", other, s.Member, p)
				}
				owner[p] = s.Member
			}
		}
	}
	return owner
}

func TestEachPartitionThatSomebodyReadsHasOneOwnerThatReadsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := topicsOf(t)
		members := membersOf(t, topics, false)
		owner := owners(t, balance.Deal(members, topics))
		for _, topic := range topics {
			var readers []string
			for _, m := range members {
				if slices.Contains(m.Topics, topic.Name) {
					readers = append(readers, m.ID)
				}
			}
			for n := range topic.Partitions {
				who, owned := owner[partition{topic.Name, n}]
				if owned != (len(readers) > 0) || owned && !slices.Contains(readers, who) {
					t.Fatalf("%s/%d is owned by %q; its readers are %v", topic.Name, n, who, readers)
				}
				delete(owner, partition{topic.Name, n})
			}
		}
		if len(owner) > 0 {
			t.Fatalf("partitions that do not exist: %v", owner)
		}
	})
}

func counts(members []balance.Member, owner map[partition]string, topic string) []int {
	byMember := make(map[string]int)
	for p, who := range owner {
		if topic == "" || p.topic == topic {
			byMember[who]++
		}
	}
	all := make([]int, len(members))
	for i, m := range members {
		all[i] = byMember[m.ID]
	}
	return all
}

func TestMembersWithEqualTopicsDifferByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := topicsOf(t)
		members := membersOf(t, topics, true)
		each := counts(members, owners(t, balance.Deal(members, topics)), "")
		if slices.Max(each)-slices.Min(each) > 1 {
			t.Fatalf("the members have %v partitions", each)
		}
	})
}

func TestNoReaderHasNothingWhileAnotherHasTwoOfItsTopic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := topicsOf(t)
		members := membersOf(t, topics, false)
		owner := owners(t, balance.Deal(members, topics))
		all := counts(members, owner, "")
		for _, topic := range topics {
			most := slices.Max(counts(members, owner, topic.Name))
			for i, m := range members {
				if slices.Contains(m.Topics, topic.Name) && all[i] == 0 && most > 1 {
					t.Fatalf("%s has nothing, and somebody has %d partitions of %s", m.ID, most, topic.Name)
				}
			}
		}
	})
}

func TestTheOrderOfTheMembersDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topics := topicsOf(t)
		members := membersOf(t, topics, false)
		want := balance.Deal(members, topics)
		got := balance.Deal(rapid.Permutation(members).Draw(t, "order"), topics)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
