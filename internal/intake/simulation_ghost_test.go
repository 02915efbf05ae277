//go:build synctests

package intake_test

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The embedded broker has two faults that Kafka has not, and the simulation helps
// it over both by sending members out of the group:
//
//   - A member that cannot be told that it has joined, because its connection is
//     gone, is never expired: its session only begins with that answer.
//   - A member that goes while it waits for its assignment is counted twice. The
//     next rebalance waits for one more member than there are, until its timeout,
//     which each attempt to join begins anew.
//
// The ledger knows of a third: a member that waits in a join is thrown out when its
// session ends, and not told; see account.silent.

// onHeartbeat notes who is alive.
func (c *cluster) onHeartbeat(r kmsg.Request) (kmsg.Response, error, bool) {
	c.KeepControl()
	id := r.(*kmsg.HeartbeatRequest).MemberID
	c.ledger.hears(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[id] = time.Now()
	return nil, nil, false
}

// exorcise sends members away that are silent for too long, and all when a
// rebalance does not end, until ctx ends.
func (c *cluster) exorcise(ctx context.Context, s settings) {
	const rebalance = 35 * time.Second // and Drain
	var state string
	epoch, since := int32(-1), time.Now()
	for rest(ctx, s.session/2, true) {
		info := c.GroupInfo(group)
		if info == nil {
			continue
		}
		if info.Epoch != epoch || info.State != state {
			epoch, state, since = info.Epoch, info.State, time.Now()
		}
		for _, m := range info.Members {
			silent := state == "Stable" && time.Since(c.lastHeard(m.MemberID, since)) > 2*s.session
			stuck := state == "PreparingRebalance" && time.Since(since) > rebalance+s.drain
			if silent || stuck {
				c.sendAway(ctx, m.MemberID)
			}
		}
	}
}

func (c *cluster) lastHeard(id string, atLeast time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.heard[id]; at.After(atLeast) {
		return at
	}
	return atLeast
}

func (c *cluster) sendAway(ctx context.Context, id string) {
	c.ledger.tells("the ghost %s is sent away", id)
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	m := kmsg.NewLeaveGroupRequestMember()
	m.MemberID = id
	req.Members = append(req.Members, m)
	_, _ = req.RequestWith(ctx, c.writer) // tried again at the next look
}
