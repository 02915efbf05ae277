package intake

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// With KIP-848 the first answer of the broker is often an empty assignment: it
// has not worked out yet who gets what. It is the last one only for a member for
// which nothing is left. So an empty assignment counts as joined when the others
// are seen to own everything.

// shareLook is the time between two looks at what the others own.
const shareLook = 200 * time.Millisecond

// awaitShare calls Joined when nothing is left for this member. When it gets
// partitions, that is called by others, and this ends.
func (in *Intake) awaitShare() {
	ticker := time.NewTicker(shareLook)
	defer ticker.Stop()
	for in.outside() {
		if in.allOwned(in.session) {
			in.joined()
			return
		}
		select {
		case <-ticker.C:
		case <-in.session.Done():
			return
		}
	}
}

// outside reports whether this member runs and owns nothing.
func (in *Intake) outside() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.stopping && len(in.partitions) == 0
}

// allOwned reports whether each partition of this member's topics has an owner.
func (in *Intake) allOwned(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	admin := kadm.NewClient(in.client)
	groups, err := admin.DescribeConsumerGroups(ctx, in.cfg.Group)
	if err == nil {
		err = groups.Error()
	}
	if errors.Is(err, kerr.GroupIDNotFound) || errors.Is(err, kerr.UnsupportedVersion) {
		return true // the broker does not know this protocol: the answer was final
	}
	if err != nil {
		return false
	}
	owned := groups.AssignedPartitions()
	topics, err := admin.ListTopics(ctx, in.cfg.Topics...)
	if err != nil || topics.Error() != nil {
		return false
	}
	for topic, d := range topics {
		for n := range d.Partitions {
			if _, taken := owned[topic][n]; !taken && (len(in.cfg.Patterns) == 0 || in.starts.reads(topic)) {
				return false
			}
		}
	}
	return true
}
