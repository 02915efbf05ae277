package devbroker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joins keeps members of classic groups alive that wait in a join for the others. A
// member sends no heartbeats then, and Apache Kafka asks for none. kfake throws it out
// when its session ends, and leaves its join without an answer, which the member
// notices only after its rebalance timeout. So heartbeats are sent in its name.
type joins struct {
	cluster *kfake.Cluster
	addr    string // of a listener, without TLS

	mu          sync.Mutex
	generations map[string]int32 // by group, the newest seen
	waiting     map[joiner]*waiting
	client      *kgo.Client // made when it is first needed
	closed      bool
	beats       sync.WaitGroup
}

// joiner is a member of a group.
type joiner struct{ group, member string }

// waiting is a member in a join.
type waiting struct {
	instance *string
	every    time.Duration
	timer    *time.Timer
}

// soon is when the first heartbeat is sent. It also sees to it that the session of a
// member ends which died before its join was answered: kfake begins none for it.
const soon = 100 * time.Millisecond

func newJoins(cluster *kfake.Cluster, addr string) *joins {
	return &joins{
		cluster: cluster, addr: addr,
		generations: make(map[string]int32), waiting: make(map[joiner]*waiting),
	}
}

// install starts to watch what members of groups ask for.
func (j *joins) install() {
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup} {
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
	j.mu.Lock()
	defer j.mu.Unlock()
	switch req := kreq.(type) {
	case *kmsg.HeartbeatRequest:
		j.generations[req.Group] = max(j.generations[req.Group], req.Generation)
	case *kmsg.SyncGroupRequest:
		j.generations[req.Group] = max(j.generations[req.Group], req.Generation)
		j.leave(joiner{req.Group, req.MemberID})
	case *kmsg.LeaveGroupRequest:
		for _, m := range req.Members {
			j.leave(joiner{req.Group, m.MemberID})
		}
	case *kmsg.JoinGroupRequest:
		j.enter(joiner{req.Group, req.MemberID}, req)
	}
}

// enter begins the heartbeats of a member that joins, if it has an id yet.
func (j *joins) enter(who joiner, req *kmsg.JoinGroupRequest) {
	j.leave(who)
	if who.member == "" || j.closed {
		return
	}
	w := &waiting{instance: req.InstanceID, every: time.Duration(req.SessionTimeoutMillis) * time.Millisecond / 3}
	w.timer = time.AfterFunc(min(w.every, soon), func() { j.beat(who, w) })
	j.waiting[who] = w
}

func (j *joins) leave(who joiner) {
	if w := j.waiting[who]; w != nil {
		w.timer.Stop()
		delete(j.waiting, who)
	}
}

// beat sends one heartbeat. It goes on while the group waits for others.
func (j *joins) beat(who joiner, w *waiting) {
	ask, client := j.begin(who, w)
	if ask == nil {
		return
	}
	defer j.beats.Done()
	ctx, cancel := context.WithTimeout(context.Background(), w.every)
	defer cancel()
	resp, err := ask.RequestWith(ctx, client)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.waiting[who] != w {
		return
	}
	if err == nil && resp.ErrorCode == kerr.RebalanceInProgress.Code && !j.closed {
		w.timer.Reset(w.every)
		return
	}
	delete(j.waiting, who) // it has its answer, or nothing can be done
}

// begin is nil when the member waits no more.
func (j *joins) begin(who joiner, w *waiting) (*kmsg.HeartbeatRequest, *kgo.Client) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.waiting[who] != w {
		return nil, nil
	}
	if j.client == nil {
		client, err := kgo.NewClient(kgo.SeedBrokers(j.addr), kgo.DisableClientMetrics(), kgo.Dialer(j.dial))
		if err != nil {
			delete(j.waiting, who)
			return nil, nil
		}
		j.client = client
	}
	ask := kmsg.NewPtrHeartbeatRequest()
	ask.Group, ask.MemberID, ask.InstanceID, ask.Generation = who.group, who.member, w.instance, j.generations[who.group]
	j.beats.Add(1)
	return ask, j.client
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
	for who := range j.waiting {
		j.leave(who)
	}
	client := j.client
	j.mu.Unlock()
	if client != nil {
		client.Close() // ends the requests under way
	}
	j.beats.Wait()
}
