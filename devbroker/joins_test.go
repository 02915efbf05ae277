package devbroker_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/siskin-go/siskin/devbroker"
)

// groupMember speaks the classic group protocol by hand.
type groupMember struct {
	*kgo.Client
	id         string
	generation int32
	leader     string
}

const (
	memberSession   = 300 * time.Millisecond
	memberRebalance = time.Minute
)

// join asks to join until that is answered.
func (m *groupMember) join(ctx context.Context, metadata string) (members int, err error) {
	for {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.MemberID, req.ProtocolType = "shop", m.id, "consumer"
		req.SessionTimeoutMillis = int32(memberSession.Milliseconds())
		req.RebalanceTimeoutMillis = int32(memberRebalance.Milliseconds())
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name, protocol.Metadata = "range", []byte(metadata)
		req.Protocols = append(req.Protocols, protocol)
		resp, err := req.RequestWith(ctx, m.Client)
		if err != nil {
			return 0, err
		}
		m.id, m.generation, m.leader = resp.MemberID, resp.Generation, resp.LeaderID
		if err := kerr.ErrorForCode(resp.ErrorCode); err != kerr.MemberIDRequired { //nolint:errorlint // it is that value
			return len(resp.Members), err
		}
	}
}

func (m *groupMember) sync(ctx context.Context) error {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = "shop", m.id, m.generation
	resp, err := req.RequestWith(ctx, m.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *groupMember) beat(ctx context.Context) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = "shop", m.id, m.generation
	resp, err := req.RequestWith(ctx, m.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// A member that waits in a join for another one that still drains is no dead one,
// however long that takes.
func TestMemberMayWaitInAJoinForLongerThanItsSession(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{
		Listen: "127.0.0.1:0", Options: []kfake.Opt{kfake.GroupMinSessionTimeout(memberSession)},
	})
	ctx := testContext(t)
	slow := &groupMember{Client: client(t, b.Addr())}
	if _, err := slow.join(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	if err := slow.sync(ctx); err != nil {
		t.Fatal(err)
	}
	quick, joined := &groupMember{Client: client(t, b.Addr())}, make(chan error, 1)
	go func() {
		_, err := quick.join(ctx, "1")
		joined <- err
	}()
	// The slow one goes on with heartbeats for some sessions before it joins again.
	begun := time.Now()
	tick := time.NewTicker(memberSession / 6)
	defer tick.Stop()
	for time.Since(begun) < 4*memberSession {
		<-tick.C
		if err := slow.beat(ctx); err != nil && err != kerr.RebalanceInProgress { //nolint:errorlint // it is that value
			t.Fatal(err)
		}
	}
	if _, err := slow.join(ctx, "2"); err != nil {
		t.Fatal(err)
	}
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	if quick.generation != slow.generation {
		t.Fatalf("generations %d and %d, want one", quick.generation, slow.generation)
	}
	// And again, with one that was a member before.
	go func() {
		_ = slow.sync(ctx)
		_ = quick.sync(ctx)
		_, err := quick.join(ctx, "3")
		joined <- err
	}()
	begun = time.Now()
	for time.Since(begun) < 4*memberSession {
		<-tick.C
		_ = slow.beat(ctx)
	}
	if _, err := slow.join(ctx, "4"); err != nil {
		t.Fatal(err)
	}
	if err := <-joined; err != nil {
		t.Errorf("the join of the member that waited: %v", err)
	}
	if quick.generation != slow.generation {
		t.Errorf("generations %d and %d, want one", quick.generation, slow.generation)
	}
}
