// Package intake reads the partitions of a consumer group and hands each record
// to its partition's lane. It bounds what is in memory, follows rebalances and
// commits what is done.
package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what an Intake needs. All fields must be set.
type Config struct {
	// Options reach the brokers: addresses, client id, security, producer.
	Options []kgo.Opt
	Group   string
	Topics  []string
	// Serve handles one record. It must call Item.Done exactly once, at any
	// time and from any goroutine, when the record has reached its final
	// outcome; or never, to have the record delivered again.
	Serve func(context.Context, Item)
	// QueueLimit is how many records of one partition wait in memory before
	// the partition is paused.
	QueueLimit int
	// CommitInterval is the least time between two commits.
	CommitInterval time.Duration
	// Drain is how long handlers may run on when a partition is revoked or
	// the intake stops.
	Drain time.Duration
	// Session is how long a silent member keeps its partitions.
	Session time.Duration
	// Start is where a consumer group without commits starts.
	Start Start
	// Joined is called when the member knows where to read each partition that
	// it owns: what is sent after that is seen. It is called again after each
	// rebalance.
	Joined func()
	Emit   events.Sink
}

// Item is one record on its way.
type Item struct {
	Record *kgo.Record
	marks  *commit.Partition
	mark   commit.Mark
	dirty  func()
}

// Done notes that the record needs no further work: its offset may be
// committed.
func (i Item) Done() {
	i.marks.Done(i.mark)
	i.dirty()
}

// Intake is one member of a consumer group.
type Intake struct {
	cfg    Config
	client *kgo.Client
	starts starts
	built  chan struct{} // closed when client and starts are set

	failing map[key]string // what was told about; only the poll loop touches it

	mu         sync.Mutex
	partitions map[key]*partition
	stopping   bool

	dirty    chan struct{} // holds one token when there is something to commit
	commitMu sync.Mutex    // one commit at a time, so that offsets never go back

	commitFailure string      // what was told about; under commitMu
	uncommitted   atomic.Bool // Joined waits for the next commit
}

type key struct {
	topic     string
	partition int32
}

// New makes the group member. It does not wait for a broker.
func New(cfg Config) (*Intake, error) {
	in := &Intake{
		cfg: cfg, failing: make(map[key]string), partitions: make(map[key]*partition),
		dirty: make(chan struct{}, 1), built: make(chan struct{}),
	}
	client, err := kgo.NewClient(append(in.options(), cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka client: %w", err)
	}
	in.client = client
	in.starts = starts{from: cfg.Start, group: cfg.Group, client: client, emit: cfg.Emit}
	close(in.built)
	return in, nil
}

func (in *Intake) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(in.cfg.Group),
		kgo.ConsumeTopics(in.cfg.Topics...),
		kgo.DisableAutoCommit(),
		// No rebalance between a poll and its records reaching their lanes:
		// they could reach the lane of a later generation, which has to start
		// before them.
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(in.cfg.Session),
		kgo.HeartbeatInterval(min(in.cfg.Session/4, 2*time.Second)),
		// A revoke waits for running handlers, so the group must wait longer.
		kgo.RebalanceTimeout(in.cfg.Drain + 30*time.Second),
		// Every start and reset is set by hand: the library's reset default
		// is one minute back. A partition that fell behind its log resumes at
		// the log's start whatever this says.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()),
		kgo.ConsumeResetOffset(kgo.RewindOffset(time.Minute)),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(time.Second),
		kgo.OnPartitionsAssigned(in.assigned),
		kgo.OnPartitionsRevoked(in.revoked),
		kgo.OnPartitionsLost(in.lost),
		kgo.AdjustFetchOffsetsFn(in.adjust),
	}
}

// Client is the Kafka client of the member, which also produces for it.
func (in *Intake) Client() *kgo.Client { return in.client }

// Run reads until ctx ends, then lets running handlers finish within
// Config.Drain, commits, leaves the group and closes the client. drained is
// false when a handler was still running at the end.
func (in *Intake) Run(ctx context.Context) (drained bool) {
	stopCommits := make(chan struct{})
	var commits sync.WaitGroup
	commits.Go(func() { in.commitLoop(stopCommits) })
	for ctx.Err() == nil {
		in.take(in.client.PollFetches(ctx))
		in.client.AllowRebalance()
	}
	drained = in.shut()
	close(stopCommits)
	commits.Wait()
	return drained
}

// take hands each partition's records to its lane.
func (in *Intake) take(fetches kgo.Fetches) {
	fetches.EachError(in.unreadable)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		delete(in.failing, key{p.Topic, p.Partition})
		delete(in.failing, key{"", -1}) // and the group works
		if part := in.find(key{p.Topic, p.Partition}); part != nil && part.push(p.Records) {
			part.pause(in.client)
		}
	})
}

// unreadable tells about a partition that cannot be fetched, or without a topic
// about a group that cannot be joined, once until the reason changes: the client
// asks again many times a second.
func (in *Intake) unreadable(topic string, partition int32, err error) {
	k := key{topic, partition}
	if topic == "" {
		k.partition = -1
	}
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) || in.failing[k] == err.Error() {
		return
	}
	if _, refused := errors.AsType[*kerr.Error](err); topic == "" && !refused {
		return // nobody answers: that is told elsewhere, once
	}
	in.failing[k] = err.Error()
	if topic == "" {
		in.cfg.Emit(events.GroupFailed{Group: in.cfg.Group, Err: err})
		return
	}
	in.cfg.Emit(events.FetchFailed{Topic: topic, Partition: partition, Err: err})
	if errors.Is(err, kerr.UnknownTopicID) {
		// The topic was deleted and made anew. The client reads the new one
		// only after it has forgotten the old one. What was done there must not
		// be committed any more: it would count for the new topic's records.
		in.lost(context.Background(), in.client, in.owned(topic))
		in.starts.forget(topic)
		in.client.AllowRebalance() // which the purge causes
		in.client.PurgeTopicsFromConsuming(topic)
		in.client.AddConsumeTopics(topic)
		delete(in.failing, k)
	}
}

func (in *Intake) find(k key) *partition {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.partitions[k]
}

// shut stops all partitions, commits and leaves.
func (in *Intake) shut() bool {
	in.mu.Lock()
	in.stopping = true
	parts := make([]*partition, 0, len(in.partitions))
	for _, p := range in.partitions {
		parts = append(parts, p)
	}
	in.mu.Unlock()
	drained := stopAll(parts, in.cfg.Drain)
	in.commitNow()
	in.forget(parts)
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	// An error means that the group will notice by the session timeout.
	_ = in.client.LeaveGroupContext(ctx)
	in.client.CloseAllowingRebalance()
	return drained
}

// leaveTimeout bounds how long the end waits for a broker that is away.
const leaveTimeout = 3 * time.Second
