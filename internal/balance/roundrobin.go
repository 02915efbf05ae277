// Package balance shares the partitions of a consumer group as kafkajs does, so
// that a service can be one more member of a group of NestJS servers, and tells
// when the members of such a group do not fit together.
package balance

import (
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Protocol is kafkajs's name for its way to share. It is not Java's "roundrobin".
const Protocol = "RoundRobinAssigner"

// RoundRobin is kafkajs's RoundRobinAssigner for the Kafka client. One value
// belongs to one client. Safe for concurrent use.
type RoundRobin struct {
	mu      sync.Mutex
	topics  []string           // that this member asked for when it last joined
	foreign map[string][]int32 // what it was given of others
}

// ProtocolName is Protocol.
func (*RoundRobin) ProtocolName() string { return Protocol }

// IsCooperative is false: each member gives up all before it joins again.
func (*RoundRobin) IsCooperative() bool { return false }

// JoinGroupMetadata is what a member says about itself when it joins.
func (r *RoundRobin) JoinGroupMetadata(topics []string, _ map[string][]int32, _ int32) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.topics, r.foreign = slices.Clone(topics), nil
	return Metadata(topics)
}

// ParseSyncAssignment reads what this member is given. No bytes at all mean no
// partition: kafkajs leaves out the members for which nothing is left. Topics that
// this member does not read are noted and left out: the Kafka client would read
// them all the same, and their records would find no handler.
func (r *RoundRobin) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	if len(assignment) == 0 {
		return map[string][]int32{}, nil
	}
	given, err := kgo.ParseConsumerSyncAssignment(assignment)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.foreign = nil
	for topic, partitions := range given {
		if slices.Contains(r.topics, topic) {
			continue
		}
		if r.foreign == nil {
			r.foreign = make(map[string][]int32)
		}
		r.foreign[topic] = partitions
		delete(given, topic)
	}
	return given, nil
}

// Foreign are the partitions of topics that this member does not read, which it
// was given all the same when it last joined. Nobody reads them.
func (r *RoundRobin) Foreign() map[string][]int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.foreign)
}

// Topics are those that this member asked for when it last joined.
func (r *RoundRobin) Topics() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.topics)
}

// MemberBalancer is asked when this member leads.
func (r *RoundRobin) MemberBalancer(
	members []kmsg.JoinGroupResponseMember,
) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(r, members)
	return b, b.MemberTopics(), err
}

// Balance deals the topics, in the order of their names.
func (*RoundRobin) Balance(b *kgo.ConsumerBalancer, partitions map[string]int32) kgo.IntoSyncAssignment {
	var members []Member
	b.EachMember(func(m *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		members = append(members, Member{ID: m.MemberID, Topics: meta.Topics})
	})
	var topics []Topic
	for _, name := range slices.Sorted(maps.Keys(partitions)) {
		topics = append(topics, Topic{Name: name, Partitions: partitions[name]})
	}
	return plan(Deal(members, topics))
}

type plan []Share

// IntoSyncAssignment is the plan as the group's coordinator takes it.
func (p plan) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	// Not nil: with nil the Kafka client takes this member for no leader.
	all := make([]kmsg.SyncGroupRequestGroupAssignment, 0, len(p))
	for _, s := range p {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = s.Member, s.Assignment()
		all = append(all, a)
	}
	return all
}
