// Package intake reads the partitions of a consumer group and hands each record
// to its partition's lane. It bounds what is in memory, follows rebalances and
// commits what is done.
package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what an Intake needs. All fields must be set, but those that say
// something else.
type Config struct {
	// Options reach the brokers: addresses, client id, security.
	Options []kgo.Opt
	Group   string
	// Topics are read by name.
	Topics []string
	// Patterns are regular expressions of further topics. May be empty.
	Patterns []string
	// Exclude are regular expressions of topics that Patterns do not mean.
	Exclude []string
	// Serve handles one record. It must see to it that Item.Done or Item.Leave
	// is called exactly once, at any time and from any goroutine.
	Serve func(context.Context, Item)
	// Batches says how many records of a topic are served together, and how long one
	// waits for others; zero is one by one. May be nil: all are.
	Batches func(topic string) (size int, wait time.Duration)
	// ServeBatch is Serve for records of one partition that are served together.
	ServeBatch func(context.Context, []Item)
	// Keep stores a batch that cannot be read, and notes in it where. It reports
	// false when ctx ended before that; only then the batch's offsets are not done.
	// May be nil: nothing is kept.
	Keep func(ctx context.Context, topic string, partition int32, b *fetch.Batch) bool
	// Lanes says how the records of a topic wait for each other, and which
	// further places their workers need, or nil.
	Lanes func(topic string) (lane.Order, *lane.Places)
	// Concurrency is how many workers run at once. A partition always gets one.
	Concurrency int
	// QueueLimit is how many records of a partition wait for their handlers, or
	// are in them, before it is held back.
	QueueLimit int
	// UncommittedLimit is how many records there may be from the oldest
	// unfinished one of a partition to its newest before it is held back.
	UncommittedLimit int
	// QueueBytes is how many bytes the unfinished records of a partition may hold
	// before it is held back.
	QueueBytes int
	// CommitInterval is the least time between two commits.
	CommitInterval time.Duration
	// Drain is how long handlers may run on when a partition is revoked or
	// the intake stops.
	Drain time.Duration
	// Session is how long a silent member keeps its partitions.
	Session time.Duration
	// Refresh is how often new topics and partitions are looked for.
	Refresh time.Duration
	// InstanceID makes the member a static one, when not empty.
	InstanceID string
	// NextGen uses the group protocol of KIP-848 where the broker has it.
	NextGen bool
	// NestJS lets NestJS servers be members of the group too.
	NestJS bool
	// StuckAfter is how long a record may hold up its partition's watermark
	// before that is told.
	StuckAfter time.Duration
	// Start is where a consumer group without commits starts.
	Start Start
	// Retries gives topics retry topics. May be nil: none has one.
	Retries *Retries
	// Joined is called when the group knows where to read each partition: what is
	// sent after that is seen. It is called again after each rebalance.
	Joined func()
	Emit   events.Sink
}

// Intake is one member of a consumer group.
type Intake struct {
	cfg    Config
	client *kgo.Client
	starts starts
	built  chan struct{} // closed when client and starts are set
	gate   *gate
	places *lane.Places
	memory *fetch.Decompressor
	shares *balance.RoundRobin // nil without NestJS
	later  *retries            // nil without retry topics

	failing  map[key]string // what was told about; only the poll loop touches it
	back     positions      // where partitions begin that were read from further on; as failing
	awaited  []*partition   // full ones that will have room soon; as failing
	silence  silence        // of the others; as failing
	patience time.Duration  // with those that are full, in this poll; as failing

	mu         sync.Mutex
	partitions map[key]*partition
	stopping   bool
	ended      bool
	again      []string // topics to be read anew
	member     membership
	differ     events.TopicsDiffer // what was told about other members' topics

	tasks   sync.WaitGroup
	leaving atomic.Bool     // a static member that will not come back
	aborted context.Context // ends when the drain must
	abort   context.CancelFunc
	session context.Context // of the Kafka client; ends early when the group has no place for this member
	fence   context.CancelCauseFunc
	fits    context.Context // ends when this member must leave, with the reason
	refuse  context.CancelCauseFunc

	dirty      chan struct{} // holds one token when there is something to commit
	commitTurn chan struct{} // one commit at a time, so that offsets never go back
	lookTurn   chan struct{} // one question at a time where postponed partitions begin

	commitFailure string      // what was told about; under commitTurn
	uncommitted   atomic.Bool // Joined waits for the next commit
	waiting       atomic.Bool // Joined waits for the commits of others
	settled       atomic.Bool // each partition has a commit
}

type key struct {
	topic     string
	partition int32
}

// New makes the group member. It does not wait for a broker.
func New(cfg Config) (*Intake, error) {
	in := &Intake{
		cfg: cfg, failing: make(map[key]string), partitions: make(map[key]*partition),
		dirty: make(chan struct{}, 1), commitTurn: make(chan struct{}, 1), lookTurn: make(chan struct{}, 1),
		built: make(chan struct{}), gate: newGate(), places: lane.NewPlaces(cfg.Concurrency, true),
	}
	in.aborted, in.abort = context.WithCancel(context.Background())
	in.session, in.fence = context.WithCancelCause(context.Background())
	in.fits, in.refuse = context.WithCancelCause(context.Background())
	if cfg.NestJS {
		in.shares = new(balance.RoundRobin)
	}
	var err error
	if in.memory, err = fetch.NewDecompressor(fetch.MaxBatchMemory, fetch.MaxPollMemory); err != nil {
		return nil, err
	}
	if cfg.Retries != nil {
		if in.later, err = in.newRetries(); err != nil {
			return nil, err
		}
	}
	client, err := kgo.NewClient(append(in.options(), cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka client: %w", err)
	}
	in.client = client
	in.starts = starts{from: cfg.Start, group: cfg.Group, client: client, reads: cfg.reads(), emit: cfg.Emit}
	close(in.built)
	return in, nil
}

func (in *Intake) options() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.WithContext(in.session),
		kgo.WithHooks(groupHook{in}),
		kgo.ConsumerGroup(in.cfg.Group),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(in.cfg.Session),
		kgo.HeartbeatInterval(min(in.cfg.Session/4, 2*time.Second)),
		// A revoke waits for running handlers, so the group must wait longer.
		kgo.RebalanceTimeout(in.cfg.Drain + 30*time.Second),
		kgo.MetadataMaxAge(in.cfg.Refresh),
		// Every start and reset is set by hand: the library's reset default
		// is one minute back. A partition that fell behind its log resumes at
		// the log's start whatever this says.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()),
		kgo.ConsumeResetOffset(kgo.RewindOffset(time.Minute)),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(fetchWait),
		kgo.OnPartitionsAssigned(in.assigned),
		kgo.OnPartitionsRevoked(in.revoked),
		kgo.OnPartitionsLost(in.lost),
		kgo.AdjustFetchOffsetsFn(in.adjust),
	}
	if in.cfg.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(in.cfg.InstanceID))
	}
	if in.cfg.NextGen {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if in.cfg.NestJS {
		opts = append(opts, kgo.Balancers(balance.Balancers(in.shares)...))
	}
	return slices.Concat(opts, fetch.Options(in.memory), in.cfg.consuming())
}

// Run reads until ctx ends, then lets running handlers finish within
// Config.Drain, commits, leaves the group and closes the client. drained is
// false when a handler was still running at the end. The error is ErrFenced when
// another process has taken this member's place, ErrTopicsDiffer when it does not
// fit into its group, and that of a missing right when it could never join.
func (in *Intake) Run(ctx context.Context) (drained bool, err error) {
	stop := make(chan struct{})
	var loops sync.WaitGroup
	loops.Go(func() { in.commitLoop(stop) })
	loops.Go(func() { in.watchLoop(stop) })
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.session, cancel)()
	defer context.AfterFunc(in.aborted, cancel)()
	defer context.AfterFunc(in.fits, cancel)()
	defer in.refuse(nil)
	loops.Go(func() { fetch.Wake(ctx, in.client) })
	if in.later != nil {
		loops.Go(func() { fetch.Wake(ctx, in.later.client) })
		loops.Go(func() { in.later.run(ctx) })
	}
	for ctx.Err() == nil {
		in.poll(ctx)
	}
	in.gate.close()
	drained = in.shut()
	close(stop)
	loops.Wait()
	in.tasks.Wait()
	if cause := context.Cause(in.session); !errors.Is(cause, context.Canceled) {
		return false, cause
	}
	if err := context.Cause(in.fits); err != nil {
		return drained, err
	}
	return drained, nil
}

// Abort makes Run stop without a drain: handlers are cut off now.
func (in *Intake) Abort() { in.abort() }

// poll takes what was fetched and hands each partition's records to its lane.
func (in *Intake) poll(ctx context.Context) {
	poll := in.gate.enter(ctx)
	if topics := in.left(); len(topics) > 0 {
		in.gate.leave()
		in.rereadAll(topics)
		return
	}
	in.giveUp()
	fetches := in.client.PollFetches(poll)
	now := time.Now()
	in.brake(fetches, now)
	in.memory.Polled()
	var remade []string
	var damaged []fetchError
	fetches.EachError(func(topic string, partition int32, err error) {
		if loss, ok := errors.AsType[*kgo.ErrDataLoss](err); ok {
			in.rewind(loss)
		}
		switch {
		case errors.Is(err, fetch.ErrLater):
		case topic != "" && fetch.Damaged(err):
			damaged = append(damaged, fetchError{key{topic, partition}, err})
		case in.unreadable(topic, partition, err):
			remade = append(remade, topic)
		}
	})
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		delete(in.failing, key{p.Topic, p.Partition})
		delete(in.failing, key{"", -1}) // and the group works
		if part := in.find(key{p.Topic, p.Partition}); part != nil {
			part.push(p.Records, now)
		}
	})
	in.sendBack()
	for _, d := range damaged { // when what came before the damage is on its way
		in.mend(d)
	}
	in.gate.leave()
	for _, topic := range remade {
		in.starts.forget(topic)
	}
	in.rereadAll(remade)
	in.breathe(ctx)
}

// sendBack makes the client read partitions from their start that were read from further
// on: all at once, since it ends the fetches that are under way. What comes from then on
// is theirs, and not before: one poll can bring several pieces of a partition.
func (in *Intake) sendBack() {
	in.client.SetOffsets(in.back)
	for topic, numbers := range in.back {
		for n := range numbers {
			if p := in.find(key{topic, n}); p != nil {
				p.begun = true
			}
		}
	}
	in.back = nil
}

// left are the topics that others want to be read anew. Whoever adds some passes the gate
// then: a poll that has not seen them ends.
func (in *Intake) left() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	topics := in.again
	in.again = nil
	return topics
}

// unreadable tells about a partition that cannot be fetched, or without a topic
// about a group that cannot be joined, once until the reason changes: the client
// asks again many times a second. It reports whether the topic was made anew.
func (in *Intake) unreadable(topic string, partition int32, err error) (remade bool) {
	k := key{topic, partition}
	if topic == "" {
		k.partition = -1
	}
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) || in.failing[k] == err.Error() {
		return false
	}
	if _, refused := errors.AsType[*kerr.Error](err); topic == "" && !refused {
		return false // nobody answers: that is told elsewhere, once
	}
	in.failing[k] = err.Error()
	if topic == "" {
		in.cfg.Emit(events.GroupFailed{Group: in.cfg.Group, Err: security.OnGroup(in.cfg.Group, err)})
		return false
	}
	in.cfg.Emit(events.FetchFailed{Topic: topic, Partition: partition, Err: security.OnTopic(security.Read, topic, err)})
	if errors.Is(err, kerr.UnknownTopicID) {
		delete(in.failing, k)
		return true
	}
	return false
}

func (in *Intake) rereadAll(topics []string) {
	for _, topic := range topics {
		in.reread(topic)
	}
}

// reread makes the client forget a topic and read it anew. One that was deleted
// and made again is found only so. What was done there must not be committed any
// more: it would count for the new topic's records.
func (in *Intake) reread(topic string) {
	in.lost(context.Background(), in.client, in.owned(topic))
	in.client.PurgeTopicsFromConsuming(topic)
	in.client.AddConsumeTopics(in.cfg.expression(topic))
}

func (in *Intake) find(k key) *partition {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.partitions[k]
}
