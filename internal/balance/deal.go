package balance

import (
	"cmp"
	"slices"
)

// Member is a member of the group and the topics that it reads.
type Member struct {
	ID     string
	Topics []string
}

// Topic is a topic and how many partitions it has.
type Topic struct {
	Name       string
	Partitions int32
}

// Share is what one member gets, in the order in which it was dealt.
type Share struct {
	Member string
	Topics []Part
}

// Part is the partitions of one topic in a share.
type Part struct {
	Topic      string
	Partitions []int32
}

// Deal gives each partition to the member that has the fewest so far, of those
// that read its topic; among equals, to the first by id. A member that gets
// nothing has no share.
//
// Where all members read all topics, this is what kafkajs does: one partition
// after the other to one member after the other. kafkajs asks nobody what they
// read, and gives its own topics also to members that do not read them. Nobody
// would read those, so this is not copied.
func Deal(members []Member, topics []Topic) []Share {
	members = slices.SortedFunc(slices.Values(members), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	shares := make([]Share, len(members))
	have := make([]int, len(members))
	for i, m := range members {
		shares[i].Member = m.ID
	}
	for _, topic := range topics {
		readers := readers(members, topic.Name)
		for n := int32(0); n < topic.Partitions && len(readers) > 0; n++ {
			to := slices.MinFunc(readers, func(a, b int) int { return cmp.Compare(have[a], have[b]) })
			shares[to].add(topic.Name, n)
			have[to]++
		}
	}
	return slices.DeleteFunc(shares, func(s Share) bool { return len(s.Topics) == 0 })
}

// readers are the indexes of the members that read a topic.
func readers(members []Member, topic string) []int {
	var found []int
	for i, m := range members {
		if slices.Contains(m.Topics, topic) {
			found = append(found, i)
		}
	}
	return found
}

func (s *Share) add(topic string, n int32) {
	if len(s.Topics) == 0 || s.Topics[len(s.Topics)-1].Topic != topic {
		s.Topics = append(s.Topics, Part{Topic: topic})
	}
	last := &s.Topics[len(s.Topics)-1]
	last.Partitions = append(last.Partitions, n)
}
