package intake

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// shut stops all partitions, commits and leaves.
func (in *Intake) shut() bool {
	in.mu.Lock()
	in.stopping = true
	in.mu.Unlock()
	parts := in.all()
	drained := in.stopAll(parts)
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	in.commitLast(ctx)
	if stale := in.stale(); len(stale) > 0 { // the commit has left them out
		in.lost(ctx, in.client, stale)
	}
	in.forget(parts)
	in.quit(ctx)
	if in.later != nil {
		in.later.client.Close()
	}
	in.abort()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	return drained
}

const (
	// leaveTimeout bounds how long the end waits for a broker that is away.
	leaveTimeout = 3 * time.Second
	// joinPatience is how much of what the last commit has left of that the end waits for a
	// join that is under way.
	joinPatience = 2 * time.Second
	// takeOutTimeout comes on top, where the member could not leave by itself.
	takeOutTimeout = time.Second
)

// quit leaves the group and closes the client.
//
// The client leaves when its join has ended, and that can take as long as another
// member drains. The group would wait for this member too, and then give it partitions
// until its session ends. So after some patience it is taken out in another way. The
// client must have ended by then: it would join anew as soon as it is told.
func (in *Intake) quit(ctx context.Context) {
	patient, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	err := in.client.LeaveGroupContext(patient)
	member, _ := in.client.GroupMetadata()
	in.fence(nil) // or closing waits for the join, however long that takes
	in.client.CloseAllowingRebalance()
	leaver := kmsg.NewLeaveGroupRequestMember()
	switch {
	case in.cfg.InstanceID == "" && err != nil && member != "":
		leaver.MemberID = member
	case in.cfg.InstanceID != "" && in.leaving.Load(): // the client does not do it
		leaver.InstanceID = &in.cfg.InstanceID
	default:
		return
	}
	in.takeOut(leaver)
}

// takeOut takes a member out of the group, with a client of its own. An error means that
// the group will notice by the session timeout.
func (in *Intake) takeOut(leaver kmsg.LeaveGroupRequestMember) {
	ctx, cancel := context.WithTimeout(context.Background(), takeOutTimeout)
	defer cancel()
	client, err := kgo.NewClient(in.cfg.Options...)
	if err != nil {
		return
	}
	defer client.Close()
	ask := kmsg.NewPtrLeaveGroupRequest()
	ask.Group, ask.MemberID = in.cfg.Group, leaver.MemberID
	ask.Members = []kmsg.LeaveGroupRequestMember{leaver}
	_, _ = ask.RequestWith(ctx, client)
}

// Leave makes a static member that stops leave its group for good, so that the
// others take its partitions at once. A member without an instance id always
// does.
func (in *Intake) Leave() { in.leaving.Store(true) }
