package balance

import "github.com/twmb/franz-go/pkg/kgo"

// Balancers are the ways to share that a member offers which may meet NestJS
// servers, the preferred one first. The group takes roundRobin while a NestJS
// server is in it, and cooperative-sticky, which Siskin's other members offer,
// when all members know that.
//
// Such a member gives up all its partitions before it joins again, also while
// the group takes cooperative-sticky. It cannot know before it has joined whether
// a NestJS server joins too: that one would get partitions at once, and whoever
// had kept them over the join would still be at work on them.
func Balancers(roundRobin *RoundRobin) []kgo.GroupBalancer {
	return []kgo.GroupBalancer{eager{kgo.CooperativeStickyBalancer()}, roundRobin}
}

// eager runs a cooperative balancer eagerly. The members that run it
// cooperatively do not notice: this one has never anything that it would have to
// give up first.
type eager struct{ kgo.GroupBalancer }

// IsCooperative is false: the Kafka client gives up all before it joins again.
func (eager) IsCooperative() bool { return false }

// JoinGroupMetadata says that this member owns nothing: what it has given up must
// not be kept for it.
func (e eager) JoinGroupMetadata(topics []string, _ map[string][]int32, generation int32) []byte {
	return e.GroupBalancer.JoinGroupMetadata(topics, nil, generation)
}
