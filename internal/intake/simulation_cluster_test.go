//go:build synctests

package intake_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is the embedded broker of a run. It tells the ledger what it commits,
// and misbehaves when it is asked to.
type cluster struct {
	*kfake.Cluster
	network kfake.VirtualNetwork
	late    delays
	writer  *kgo.Client
	ledger  *ledger
	names   map[[16]byte]string

	mu     sync.Mutex
	calm   bool                 // no more troubles
	heard  map[string]time.Time // the last heartbeat of each member, by its id
	spoilt []func(*kmsg.OffsetCommitRequest) (kmsg.Response, error)
	faults []*kfake.FaultHandle
}

func newCluster(t *testing.T, s script, l *ledger) *cluster {
	c := &cluster{ledger: l, names: make(map[[16]byte]string), heard: make(map[string]time.Time)}
	opts := []kfake.Opt{
		kfake.NumBrokers(s.brokers), kfake.Ports(9092, 9093, 9094), kfake.ListenFn(c.network.Listen),
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
	}
	for name, partitions := range s.topics {
		opts = append(opts, kfake.SeedTopics(partitions, name, retryTopic(name)))
	}
	var err error
	if c.Cluster, err = kfake.NewCluster(opts...); err != nil {
		t.Fatal(err)
	}
	for name := range s.topics {
		c.names[c.TopicInfo(name).TopicID] = name
		c.names[c.TopicInfo(retryTopic(name)).TopicID] = retryTopic(name)
	}
	c.ControlKey(int16(kmsg.OffsetCommit), c.onCommit)
	c.ControlKey(int16(kmsg.Heartbeat), c.onHeartbeat)
	c.ControlKey(int16(kmsg.LeaveGroup), c.onLeave)
	c.writer, err = kgo.NewClient(kgo.SeedBrokers("127.0.0.1:9092"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.DisableClientMetrics(), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.Dialer(newLink(&c.network, &c.late, s.seed, "writer").dial))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) close() {
	c.writer.Close()
	c.Close()
}

// onCommit sees each commit just before the broker decides on it.
func (c *cluster) onCommit(r kmsg.Request) (kmsg.Response, error, bool) {
	c.KeepControl()
	req := r.(*kmsg.OffsetCommitRequest)
	name, _, _ := strings.Cut(req.MemberID, "-")
	if spoil := c.spoiler(); spoil != nil {
		c.ledger.refused(name)
		resp, err := spoil(req)
		return resp, err, true
	}
	if !c.takes(req) {
		c.ledger.refused(name)
		return nil, nil, false
	}
	sources, retries := make(map[place]int64), make(map[place]kmsg.OffsetCommitRequestTopicPartition)
	for _, t := range req.Topics {
		topic := t.Topic
		if topic == "" {
			topic = c.names[t.TopicID]
		}
		for _, p := range t.Partitions {
			if source, ok := sourceOf(topic); ok {
				retries[place{source, p.Partition}] = p
			} else {
				sources[place{topic, p.Partition}] = p.Offset
			}
		}
	}
	for p, offset := range sources {
		c.ledger.commits(name, p, offset)
	}
	for p, commit := range retries {
		c.ledger.commitsRetries(name, p, commit.Offset, commit.Metadata)
	}
	return nil, nil, false
}

func (c *cluster) spoiler() (spoil func(*kmsg.OffsetCommitRequest) (kmsg.Response, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spoilt) > 0 && !c.calm {
		spoil, c.spoilt = c.spoilt[0], c.spoilt[1:]
	}
	return spoil
}

// takes reports whether the broker will accept a commit: it asks what the broker
// is about to ask, in the same step of the broker.
func (c *cluster) takes(req *kmsg.OffsetCommitRequest) bool {
	info := c.GroupInfo(req.Group)
	if info == nil || info.Epoch != req.Generation || c.CoordinatorFor(req.Group) != c.CurrentNode() {
		return false
	}
	if info.State != "Stable" && info.State != "PreparingRebalance" {
		return false
	}
	for _, m := range info.Members {
		if m.MemberID == req.MemberID {
			return true
		}
	}
	return false
}

// ends are the ends of all partitions' logs, and the group's commits.
func (c *cluster) ends(topics map[string]int32) (ends, committed map[place]int64) {
	ends, committed = make(map[place]int64), make(map[place]int64)
	info := c.GroupInfo(group)
	for name := range topics {
		for _, p := range c.PartitionInfos(name) {
			at := place{name, p.Partition}
			ends[at], committed[at] = p.HighWatermark, -1
			if info == nil {
				continue
			}
			if o, ok := info.Commits[name][p.Partition]; ok {
				committed[at] = o.Offset
			}
		}
	}
	return ends, committed
}

// relax ends all troubles.
func (c *cluster) relax() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calm = true
	c.late.clear()
	for _, f := range c.faults {
		f.Remove()
	}
}

func (c *cluster) isCalm() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calm
}

// refuse answers requests with an error. What is done to commits must be known
// here: see onCommit.
func (c *cluster) refuse(key kmsg.Key, err *kerr.Error, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == kmsg.OffsetCommit && err != kerr.RequestTimedOut { // which the broker answers after it has committed
		for range count {
			c.spoilt = append(c.spoilt, func(req *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
				return refusedCommit(req, err), nil
			})
		}
		return
	}
	topLevel := key == kmsg.Heartbeat || key == kmsg.JoinGroup || key == kmsg.SyncGroup
	c.faults = append(c.faults, c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: count, TopLevel: topLevel}))
}

var errHungUp = errors.New("hung up")

// hangUp ends the connection on requests instead of answering them.
func (c *cluster) hangUp(key kmsg.Key, count int) {
	if key == kmsg.OffsetCommit {
		c.mu.Lock()
		defer c.mu.Unlock()
		for range count {
			c.spoilt = append(c.spoilt, func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) { return nil, errHungUp })
		}
		return
	}
	for range count {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, errHungUp, !c.isCalm()
		})
	}
}

// move changes the group's coordinator and the partitions' leaders.
func (c *cluster) move() {
	c.RehashCoordinators()
	c.ShufflePartitionLeaders()
}

// forget takes all members out of the group, as soon as none of them waits in a join or
// a sync: kfake would leave that without an answer, and Apache Kafka does not.
func (c *cluster) forget() {
	for !c.isCalm() {
		info := c.GroupInfo(group)
		if info == nil || len(info.Members) == 0 {
			return
		}
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		for _, m := range info.Members {
			leaves := kmsg.NewLeaveGroupRequestMember()
			leaves.MemberID, leaves.Reason = m.MemberID, &forgotten
			req.Members = append(req.Members, leaves)
		}
		// It may fall victim to another trouble.
		resp, err := req.RequestWith(context.Background(), c.writer)
		if err != nil || resp.ErrorCode != kerr.RebalanceInProgress.Code {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// forgotten is why forget takes members out.
var forgotten = "forgotten"

// onLeave sees each request to leave just before the broker decides on it.
func (c *cluster) onLeave(r kmsg.Request) (kmsg.Response, error, bool) {
	c.KeepControl()
	req := r.(*kmsg.LeaveGroupRequest)
	forgets := len(req.Members) > 0 && req.Members[0].Reason != nil && *req.Members[0].Reason == forgotten
	if info := c.GroupInfo(req.Group); !forgets || info == nil || info.State == "Stable" {
		return nil, nil, false
	}
	resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	resp.ErrorCode = kerr.RebalanceInProgress.Code
	return resp, nil, true
}
