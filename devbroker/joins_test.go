package devbroker_test

import (
	"context"
	"sync"
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
	syncSent   *sent // nil where nobody waits for it
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
	req.Group, req.MemberID, req.Generation, req.InstanceID = "shop", m.id, m.generation, m.instance
	resp, err := req.RequestWith(ctx, m.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *groupMember) beat(ctx context.Context) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = "shop", m.id, m.generation, m.instance
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
	b := shopBroker(t)
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
			b := shopBroker(t)
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

// syncs begins a sync of a member that does not lead the group.
func (m *groupMember) syncs(ctx context.Context) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- m.sync(ctx) }()
	return answer
}

// twoMembers are in one generation that waits for the sync of the one that leads it.
func twoMembers(t *testing.T, b *devbroker.Broker, instance *string) (leads, follows *groupMember) {
	t.Helper()
	ctx := testContext(t)
	syncSent := newSent(kmsg.SyncGroup)
	first := &groupMember{Client: client(t, b.Addr())}
	second := &groupMember{Client: client(t, b.Addr(), kgo.WithHooks(syncSent)), instance: instance, syncSent: syncSent}
	if _, err := first.join(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	if err := first.sync(ctx); err != nil {
		t.Fatal(err)
	}
	joined := make(chan error, 1)
	go func() {
		_, err := second.join(ctx, "1")
		joined <- err
	}()
	tick := time.NewTicker(memberSession / 100)
	defer tick.Stop()
	for first.beat(ctx) == nil { // until the second one waits in its join
		<-tick.C
	}
	if _, err := first.join(ctx, "1"); err != nil {
		t.Fatal(err)
	}
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	if first.leader != first.id || second.leader != first.id {
		t.Fatalf("%s leads, or %s, want %s", first.leader, second.leader, first.id)
	}
	return first, second
}

func shopBroker(t *testing.T) *devbroker.Broker {
	t.Helper()
	return start(t, devbroker.Config{
		Listen: "127.0.0.1:0", Options: []kfake.Opt{kfake.GroupMinSessionTimeout(memberSession)},
	})
}

// A member that waits in a sync for a leader that takes its time is no dead one.
func TestMemberMayWaitInASyncForLongerThanItsSession(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	leads, follows := twoMembers(t, shopBroker(t), nil)
	answer := follows.syncs(ctx)
	tick := time.NewTicker(memberSession / 6)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < 3*memberSession/2; {
		<-tick.C
		if err := leads.beat(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := leads.sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("the sync of the member that waited: %v", err)
	}
}

// A leader that dies before its sync ends that of the others, with an answer.
func TestMembersInASyncAreToldThatTheirLeaderIsDead(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	_, follows := twoMembers(t, shopBroker(t), nil)
	if err := follows.sync(ctx); err != kerr.RebalanceInProgress { //nolint:errorlint // it is that value
		t.Fatalf("%v, want %v", err, kerr.RebalanceInProgress)
	}
	if members, err := follows.join(ctx, "2"); err != nil || members != 1 {
		t.Errorf("%d members, %v, want 1", members, err)
	}
}

// A member that waits in a sync and leaves, or joins again, does not make the group
// stand still: the others join without it, or with it, at once. With a count that is
// wrong they wait for memberRebalance, which is longer than the test may take.
func TestMemberInASyncMayLeaveOrJoinAgain(t *testing.T) {
	t.Parallel()
	name := "till"
	for kind, instance := range map[string]*string{"dynamic": nil, "static": &name} {
		t.Run(kind+" leaves", func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			leads, follows := twoMembers(t, shopBroker(t), instance)
			follows.waitsInSync(t)
			left := make(chan error, 1)
			go func() { left <- follows.leaveGroup(ctx) }()
			members, err := leads.joinAfter(ctx, left)
			if err != nil || members != 1 {
				t.Errorf("%d members, %v, want 1", members, err)
			}
		})
		t.Run(kind+" joins again", func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			leads, follows := twoMembers(t, shopBroker(t), instance)
			follows.waitsInSync(t)
			joinSent := newSent(kmsg.JoinGroup)
			again := &groupMember{Client: client(t, leads.broker(t), kgo.WithHooks(joinSent)), id: follows.id, instance: instance}
			if instance != nil {
				again.id = "" // a new process
			}
			joined := make(chan error, 1)
			go func() {
				_, err := again.join(ctx, "2")
				joined <- err
			}()
			joinSent.wait(t)
			_ = leads.beat(ctx) // the broker is asked something else since
			members, err := leads.joinAfter(ctx, nil)
			if err != nil || members != 2 {
				t.Errorf("%d members, %v, want 2", members, err)
			}
			if err := <-joined; err != nil {
				t.Error(err)
			}
		})
	}
}

// waitsInSync returns when the member's sync is with the broker, which has been asked
// something else since.
func (m *groupMember) waitsInSync(t *testing.T) {
	t.Helper()
	ctx := testContext(t)
	_ = m.syncs(ctx)
	m.syncSent.wait(t)
	if err := m.beat(ctx); err != nil {
		t.Fatal(err)
	}
}

// sent tells when a client has first sent a kind of request.
type sent struct {
	key  kmsg.Key
	once sync.Once
	done chan struct{}
}

func newSent(key kmsg.Key) *sent { return &sent{key: key, done: make(chan struct{})} }

func (s *sent) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if key == int16(s.key) && err == nil {
		s.once.Do(func() { close(s.done) })
	}
}

func (s *sent) wait(t *testing.T) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("%s was not sent", s.key.Name())
	}
}

func (m *groupMember) broker(t *testing.T) string {
	t.Helper()
	seeds, ok := m.OptValue(kgo.SeedBrokers).([]string)
	if !ok || len(seeds) != 1 {
		t.Fatalf("the brokers are %v, want one", m.OptValue(kgo.SeedBrokers))
	}
	return seeds[0]
}

func (m *groupMember) leaveGroup(ctx context.Context) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = "shop", m.id
	leaves := kmsg.NewLeaveGroupRequestMember()
	leaves.MemberID, leaves.InstanceID = m.id, m.instance
	req.Members = append(req.Members, leaves)
	resp, err := req.RequestWith(ctx, m.Client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// joinAfter ends the sync of the generation that the member leads, and joins the next
// one: after others have left, where left is not nil, or as soon as one begins.
func (m *groupMember) joinAfter(ctx context.Context, left <-chan error) (members int, err error) {
	if err := m.sync(ctx); err != nil && err != kerr.RebalanceInProgress { //nolint:errorlint // it is that value
		return 0, err
	}
	if left != nil {
		if err := <-left; err != nil {
			return 0, err
		}
		return m.join(ctx, "2")
	}
	tick := time.NewTicker(memberSession / 100)
	defer tick.Stop()
	for m.beat(ctx) == nil {
		<-tick.C
	}
	return m.join(ctx, "2")
}
