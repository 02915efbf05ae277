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
	instance   *string
	generation int32
	leader     string
}

const (
	memberSession   = 2 * time.Second
	memberRebalance = time.Minute
)

// join asks to join until that is answered.
func (m *groupMember) join(ctx context.Context, metadata string) (members int, err error) {
	for {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.MemberID, req.InstanceID, req.ProtocolType = "shop", m.id, m.instance, "consumer"
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
	for time.Since(begun) < 3*memberSession/2 {
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
	for time.Since(begun) < 3*memberSession/2 {
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

// A member that dies while it waits in a join holds the next join up for its session,
// and not for the whole time that members have to join.
func TestMemberThatDiesInAJoinIsThrownOut(t *testing.T) {
	t.Parallel()
	name := "till"
	for kind, instance := range map[string]*string{"dynamic": nil, "static": &name} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := start(t, devbroker.Config{
				Listen: "127.0.0.1:0", Options: []kfake.Opt{kfake.GroupMinSessionTimeout(memberSession)},
			})
			ctx := testContext(t)
			lives := &groupMember{Client: client(t, b.Addr())}
			if _, err := lives.join(ctx, "1"); err != nil {
				t.Fatal(err)
			}
			if err := lives.sync(ctx); err != nil {
				t.Fatal(err)
			}
			dies, gone := &groupMember{Client: client(t, b.Addr()), instance: instance}, make(chan struct{})
			dying, die := context.WithCancel(ctx)
			go func() {
				defer close(gone)
				_, _ = dies.join(dying, "1")
			}()
			// Until the other one waits in its join. The rest is for the broker's first heartbeat
			// in its name, which is on its way by then.
			tick := time.NewTicker(memberSession / 100)
			defer tick.Stop()
			for waits := 0; waits < 20; {
				if lives.beat(ctx) != nil {
					waits++
					continue
				}
				<-tick.C
			}
			die()
			dies.Close()
			<-gone
			// The join ends with both. The group must have another one for the one that lives.
			if members, err := lives.join(ctx, "2"); err != nil || members != 2 {
				t.Fatalf("%d members, %v, want 2", members, err)
			}
			if members, err := lives.join(ctx, "3"); err != nil || members != 1 {
				t.Fatalf("%d members, %v, want 1", members, err)
			}
		})
	}
}
