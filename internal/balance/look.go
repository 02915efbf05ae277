package balance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Reader is one member as it sees itself.
type Reader struct {
	// Topics are what it reads, as far as it knows now.
	Topics []string
	// Reads reports whether it reads a topic.
	Reads func(topic string) bool
}

// ErrUnsettled says that the members of a group cannot be compared now: it shares
// its partitions anew, or in another way, or there is none of this name.
var ErrUnsettled = errors.New("the consumer group does not share its partitions as kafkajs does, or does so anew")

// Look compares what a member reads with what the others read, and finds the
// topics of which the group's leader has given no partition to anybody.
func Look(ctx context.Context, admin *kadm.Client, group string, self Reader) (events.TopicsDiffer, error) {
	found := events.TopicsDiffer{Group: group}
	described, err := admin.DescribeGroups(ctx, group)
	if err == nil {
		err = described[group].Err
	}
	if err != nil {
		return found, fmt.Errorf("look at the consumer group %q: %w", group, err)
	}
	state := described[group]
	if state.State != "Stable" || state.Protocol != Protocol {
		return found, ErrUnsettled
	}
	for _, m := range state.Members {
		if joined, ok := m.Join.AsConsumer(); ok {
			if differs := self.compare(m.MemberID, joined.Topics); !differs.Same() {
				found.Members = append(found.Members, differs)
			}
		}
	}
	given := state.AssignedPartitions()
	found.Unread = slices.DeleteFunc(slices.Clone(self.Topics), func(topic string) bool {
		_, ok := given[topic]
		return ok
	})
	return found, nil
}

func (r Reader) compare(member string, topics []string) events.MemberTopics {
	differs := events.MemberTopics{Member: member}
	for _, topic := range topics {
		if !r.Reads(topic) {
			differs.Also = append(differs.Also, topic)
		}
	}
	for _, topic := range r.Topics {
		if !slices.Contains(topics, topic) {
			differs.Not = append(differs.Not, topic)
		}
	}
	return differs
}
