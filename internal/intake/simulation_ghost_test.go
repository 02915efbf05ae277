//go:build synctests

package intake_test

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The embedded broker never expires a member that could not be told that it has
// joined, because its connection was gone: unlike Kafka, it starts to count the
// session only when that answer was sent. So the simulation sends such ghosts
// out of the group.

// onHeartbeat notes who is alive.
func (c *cluster) onHeartbeat(r kmsg.Request) (kmsg.Response, error, bool) {
	c.KeepControl()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[r.(*kmsg.HeartbeatRequest).MemberID] = time.Now()
	return nil, nil, false
}

// exorcise sends members away that are silent for too long, until ctx ends.
func (c *cluster) exorcise(ctx context.Context, session time.Duration) {
	epoch, since := int32(-1), time.Now()
	for rest(ctx, session/2, true) {
		info := c.GroupInfo(group)
		if info == nil || info.State != "Stable" {
			continue
		}
		if info.Epoch != epoch {
			epoch, since = info.Epoch, time.Now()
		}
		for _, m := range info.Members {
			if time.Since(c.lastHeard(m.MemberID, since)) > 2*session {
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
