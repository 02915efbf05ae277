package devbroker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joins mends how kfake treats members of classic groups that wait in a join or a sync
// for the others.
//
// Such a member sends no heartbeats, and Apache Kafka asks for none. kfake throws it out
// when its session ends, and leaves its request without an answer, which the member
// notices only after its rebalance timeout. So heartbeats are sent in its name.
//
// kfake also miscounts who has joined when a member that waits in a sync leaves or joins
// again; the group then stands still for a whole rebalance timeout. So such a request
// waits until the sync has its answer.
type joins struct {
	cluster *kfake.Cluster
	addr    string // of a listener, without TLS

	mu      sync.Mutex
	waiting map[joiner]*waiting
	client  *kgo.Client // made when it is first needed
	ending  chan struct{}
	closed  bool
	running sync.WaitGroup
}

// joiner is a member of a group: by its id, or by its instance id where it has one.
type joiner struct {
	group, id string
	static    bool
}

func joinerOf(group, member string, instance *string) joiner {
	if instance != nil {
		return joiner{group, *instance, true}
	}
	return joiner{group, member, false}
}

// waiting is a member in a join or a sync.
type waiting struct {
	member   string // empty for a static one that has just begun
	instance *string
	// The group is in this state and generation while the member waits. One that has its
	// answer sends its own heartbeats, and one in the name of a member that has died would
	// hold up the next join for its whole time.
	state      string
	generation int32
	timer      *time.Timer
}

// What kfake calls the states in which members wait.
const (
	joining = "PreparingRebalance"
	syncing = "CompletingRebalance"
)

// beatEvery is short for any session: kfake allows none below six seconds by default.
const beatEvery = 500 * time.Millisecond

func newJoins(cluster *kfake.Cluster, addr string) *joins {
	return &joins{cluster: cluster, addr: addr, waiting: make(map[joiner]*waiting), ending: make(chan struct{})}
}

// install starts to watch what members of groups ask for.
func (j *joins) install() {
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.LeaveGroup} {
		j.cluster.ControlKey(int16(key), j.watching(int16(key)))
	}
}

// watching is a hook that runs before kfake handles a request, and replaces itself now
// and then.
func (j *joins) watching(key int16) func(kmsg.Request) (kmsg.Response, error, bool) {
	uses := 0
	return func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		if uses++; uses >= hookUses {
			j.cluster.DropControl()
			j.cluster.ControlKey(key, j.watching(key))
		}
		j.note(kreq)
		return nil, nil, false // kfake answers
	}
}

func (j *joins) note(kreq kmsg.Request) {
	switch req := kreq.(type) {
	case *kmsg.SyncGroupRequest:
		j.enter(joinerOf(req.Group, req.MemberID, req.InstanceID), &waiting{
			member: req.MemberID, instance: req.InstanceID, state: syncing, generation: req.Generation,
		})
	case *kmsg.LeaveGroupRequest:
		if req.Version < 3 {
			j.leave(joinerOf(req.Group, req.MemberID, nil))
		}
		for _, m := range req.Members {
			j.leave(joinerOf(req.Group, m.MemberID, m.InstanceID))
		}
	case *kmsg.JoinGroupRequest:
		who := joinerOf(req.Group, req.MemberID, req.InstanceID)
		j.leave(who)
		if who.id == "" {
			return // it is only given its id, and joins again
		}
		w := &waiting{member: req.MemberID, instance: req.InstanceID, state: joining}
		if group := j.group(req.Group); group != nil {
			w.generation = group.Epoch // until the join ends
		}
		j.enter(who, w)
	}
}

// group is nil when there is none, or the broker ends.
func (j *joins) group(name string) *kfake.GroupInfo {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.running.Add(1) // kfake must run until it has answered
	j.mu.Unlock()
	defer j.running.Done()
	return j.cluster.GroupInfo(name)
}

// still is the group of a member that waits, or nil when it waits no more.
func (j *joins) still(who joiner, w *waiting) *kfake.GroupInfo {
	group := j.group(who.group)
	if group == nil || group.State != w.state || group.Epoch != w.generation {
		return nil
	}
	return group
}

// enter begins the heartbeats of a member. The first one, at once, is behind the
// member's request in the queue of kfake, and sees to it that the session of a member
// ends which dies before its join is answered: kfake begins none for it.
func (j *joins) enter(who joiner, w *waiting) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	if before := j.waiting[who]; before != nil {
		before.timer.Stop()
	}
	w.timer = time.AfterFunc(0, func() { j.beat(who, w) })
	j.waiting[who] = w
}

// leave ends the heartbeats of a member. One that waits in a sync is answered first.
func (j *joins) leave(who joiner) {
	j.mu.Lock()
	w := j.waiting[who]
	if w != nil {
		w.timer.Stop()
		delete(j.waiting, who)
	}
	j.mu.Unlock()
	if w != nil && w.state == syncing && j.still(who, w) != nil {
		j.cluster.SleepControl(func() { j.outlast(who, w) })
	}
}

// outlast returns when a member waits no more: the leader has ended the sync, or its
// session has.
func (j *joins) outlast(who joiner, w *waiting) {
	tick := time.NewTicker(beatEvery / 10)
	defer tick.Stop()
	for j.still(who, w) != nil {
		select {
		case <-tick.C:
		case <-j.ending:
			return
		}
	}
}

// beat sends one heartbeat. It goes on while the member waits for others.
func (j *joins) beat(who joiner, w *waiting) {
	group := j.still(who, w)
	client := j.begin(who, w, group != nil)
	if client == nil {
		return
	}
	defer j.running.Done()
	w.beat(client, group)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.waiting[who] == w {
		w.timer.Reset(beatEvery)
	}
}

// begin is nil when the member waits no more.
func (j *joins) begin(who joiner, w *waiting, waits bool) *kgo.Client {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.waiting[who] != w {
		return nil
	}
	if j.client == nil && waits {
		// An error is one of our options, which are always the same.
		j.client, _ = kgo.NewClient(kgo.SeedBrokers(j.addr), kgo.DisableClientMetrics(), kgo.Dialer(j.dial))
	}
	if !waits || j.client == nil {
		delete(j.waiting, who)
		return nil
	}
	j.running.Add(1)
	return j.client
}

// beat sends a heartbeat. What is answered is of no interest: the next look at the
// group tells whether the member still waits.
func (w *waiting) beat(client *kgo.Client, group *kfake.GroupInfo) {
	if w.member == "" {
		w.member = memberOf(group, *w.instance)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*beatEvery)
	defer cancel()
	ask := kmsg.NewPtrHeartbeatRequest()
	ask.Group, ask.MemberID, ask.InstanceID, ask.Generation = group.Group, w.member, w.instance, w.generation
	_, _ = ask.RequestWith(ctx, client)
}

// memberOf is the id of a static member that has joined without one.
func memberOf(group *kfake.GroupInfo, instance string) string {
	i := slices.IndexFunc(group.Members, func(m kfake.GroupMember) bool {
		return m.InstanceID != nil && *m.InstanceID == instance
	})
	if i < 0 {
		return ""
	}
	return group.Members[i].MemberID
}

// dial connects to the listener on this machine, wherever others are told to connect.
func (j *joins) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(j.addr)
	_, port, err2 := net.SplitHostPort(addr)
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("connect to our own listener: %w", err)
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// close ends all heartbeats.
func (j *joins) close() {
	j.mu.Lock()
	j.closed = true
	close(j.ending)
	for who, w := range j.waiting {
		w.timer.Stop()
		delete(j.waiting, who)
	}
	client := j.client
	j.mu.Unlock()
	if client != nil {
		client.Close() // ends the requests under way
	}
	j.running.Wait()
}
