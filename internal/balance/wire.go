package balance

import "github.com/twmb/franz-go/pkg/kmsg"

// kafkajs writes version 0 and an empty user data. Where that is nil, the length
// is -1 and not 0.

// Metadata is what a member writes when it joins: the topics that it reads.
func Metadata(topics []string) []byte {
	m := kmsg.NewConsumerMemberMetadata()
	m.Topics, m.UserData = topics, []byte{}
	return m.AppendTo(nil)
}

// Assignment is what the leader writes for one member.
func (s Share) Assignment() []byte {
	a := kmsg.NewConsumerMemberAssignment()
	a.UserData = []byte{}
	for _, part := range s.Topics {
		t := kmsg.NewConsumerMemberAssignmentTopic()
		t.Topic, t.Partitions = part.Topic, part.Partitions
		a.Topics = append(a.Topics, t)
	}
	return a.AppendTo(nil)
}
