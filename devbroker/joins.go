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

// waiting is a member in a join.
type waiting struct {
	member   string // empty for a static one that has just begun, until its id is found
	instance *string
	// generation is that of the group while the member waits. When its join has its
	// answer, the group has the next one, and heartbeats with that are the member's own:
	// one in the name of a member that has died would hold up the next join for its
	// whole time.
	generation int32
	guesses    int // how often generation may still be too low
	every      time.Duration
	timer      *time.Timer
}

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
		j.leave(joinerOf(req.Group, req.MemberID, req.InstanceID))
	case *kmsg.LeaveGroupRequest:
		for _, m := range req.Members {
			j.leave(joinerOf(req.Group, m.MemberID, m.InstanceID))
		}
	case *kmsg.JoinGroupRequest:
		j.enter(joinerOf(req.Group, req.MemberID, req.InstanceID), req)
	}
}

// enter begins the heartbeats of a member that joins. One that is neither static nor
// has an id is only given its id, and joins again.
func (j *joins) enter(who joiner, req *kmsg.JoinGroupRequest) {
	j.leave(who)
	if who.id == "" || j.closed {
		return
	}
	w := &waiting{
		member: req.MemberID, instance: req.InstanceID, generation: j.generations[who.group], guesses: mostGuesses,
		every: time.Duration(req.SessionTimeoutMillis) * time.Millisecond / 3,
	}
	// The first one, at once, is behind the join in the queue of kfake, and sees to it that
	// the session of a member ends which dies before its join is answered: kfake begins
	// none for it.
	w.timer = time.AfterFunc(0, func() { j.beat(who, w) })
	j.waiting[who] = w
}

// mostGuesses is how many joins in a row may have had no sync yet, which tells of their
// generation.
const mostGuesses = 2

func (j *joins) leave(who joiner) {
	if w := j.waiting[who]; w != nil {
		w.timer.Stop()
		delete(j.waiting, who)
	}
}

// beat sends one heartbeat. It goes on while the group waits for others.
func (j *joins) beat(who joiner, w *waiting) {
	client := j.begin(who, w)
	if client == nil {
		return
	}
	defer j.beats.Done()
	ctx, cancel := context.WithTimeout(context.Background(), w.every)
	defer cancel()
	err := w.beat(ctx, client, who.group)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.waiting[who] != w || j.closed:
	case errors.Is(err, kerr.RebalanceInProgress):
		w.guesses = 0
		w.timer.Reset(w.every)
	case errors.Is(err, kerr.IllegalGeneration) && w.guesses > 0:
		w.guesses--
		w.generation++
		w.timer.Reset(0)
	default:
		delete(j.waiting, who) // it has its answer, or nothing can be done
	}
}

// begin is nil when the member waits no more.
func (j *joins) begin(who joiner, w *waiting) *kgo.Client {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || j.waiting[who] != w {
		return nil
	}
	if j.client == nil {
		client, err := kgo.NewClient(kgo.SeedBrokers(j.addr), kgo.DisableClientMetrics(), kgo.Dialer(j.dial))
		if err != nil {
			delete(j.waiting, who)
			return nil
		}
		j.client = client
	}
	j.beats.Add(1)
	return j.client
}

func (w *waiting) beat(ctx context.Context, client *kgo.Client, group string) error {
	if w.member == "" {
		if err := w.find(ctx, client, group); err != nil {
			return err
		}
	}
	ask := kmsg.NewPtrHeartbeatRequest()
	ask.Group, ask.MemberID, ask.InstanceID, ask.Generation = group, w.member, w.instance, w.generation
	resp, err := ask.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// find asks for the id of a static member that has joined without one.
func (w *waiting) find(ctx context.Context, client *kgo.Client, group string) error {
	ask := kmsg.NewPtrDescribeGroupsRequest()
	ask.Groups = []string{group}
	resp, err := ask.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, g := range resp.Groups {
		for _, m := range g.Members {
			if m.InstanceID != nil && *m.InstanceID == *w.instance {
				w.member = m.MemberID
				return nil
			}
		}
	}
	return kerr.UnknownMemberID
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
