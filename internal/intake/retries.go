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
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/publish"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Retries is what an Intake needs for retry topics.
type Retries struct {
	// Topic is the retry topic of a source topic, or false when it has none.
	Topic func(source string) (RetryTopic, bool)
	// Ensure sees to it that the retry topic of a source topic exists, with as many
	// partitions. Its error is one that waiting cannot mend, or that of ctx.
	Ensure func(ctx context.Context, source string) error
	// Store writes a copy of the record at a position, and tries until ctx ends. Its
	// error wraps retry.ErrInPlace when the copy can never be stored.
	Store func(ctx context.Context, copied *kgo.Record, of events.Position) error
}

// RetryTopic is where the records of a topic wait to be tried again.
type RetryTopic struct {
	Name      string
	KeepOrder bool
	// Spring means that Spring Kafka's consumers may have been here: a group without
	// a commit begins where theirs stands.
	Spring bool
}

// retries reads the twins of the partitions that this member owns. Their client is
// no member of the group: it reads partitions by number.
type retries struct {
	in     *Intake
	client *kgo.Client
	gate   *gate
	turn   chan struct{} // what the client reads; holds a token while that is changed, which can wait for the network
	memory *fetch.Decompressor
}

func (in *Intake) newRetries() (*retries, error) {
	memory, err := fetch.NewDecompressor(fetch.MaxBatchMemory, fetch.MaxPollMemory)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(retryWait),
		kgo.MetadataMaxAge(in.cfg.Refresh),
	}, fetch.Options(memory), in.cfg.Options)...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka client for retry topics: %w", err)
	}
	return &retries{in: in, client: client, gate: newGate(), turn: make(chan struct{}, 1), memory: memory}, nil
}

// retryWait is how long the broker holds a fetch that finds nothing. A partition
// that is added meanwhile is first read after that.
const retryWait = 250 * time.Millisecond

// run polls until ctx ends.
func (r *retries) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.poll(ctx)
	}
	r.gate.close()
}

func (r *retries) poll(ctx context.Context) {
	fetches := r.client.PollFetches(r.gate.enter(ctx))
	defer r.gate.leave()
	r.memory.Polled()
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, fetch.ErrLater) {
			return
		}
		if p := r.in.find(key{topic, partition}); p != nil {
			r.failed(p, err)
		}
	})
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if p := r.in.find(key{f.Topic, f.Partition}); p != nil && p.retries && len(f.Records) > 0 {
			p.twin.told = ""
			p.twin.reread(f.Records)
		}
	})
}

// failed tells about a retry partition that cannot be read, once until the reason
// changes. One that was made anew begins a new generation.
func (r *retries) failed(p *partition, err error) {
	if errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, context.Canceled) || p.twin.told == err.Error() {
		return
	}
	p.twin.told = err.Error()
	r.in.cfg.Emit(events.FetchFailed{
		Topic: p.key.topic, Partition: p.key.partition, Err: security.OnTopic(security.Read, p.key.topic, err),
	})
	if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		r.in.restart(p.twin.source)
	}
}

// begin reads the twins of new partitions of a topic, from where earlier owners have
// come. It ends early when all were given up.
func (r *retries) begin(source string, twins []*twin) {
	ctx, cancel := context.WithCancel(r.in.aborted)
	defer cancel()
	var open atomic.Int64
	open.Store(int64(len(twins)))
	for _, t := range twins {
		defer context.AfterFunc(t.ctx, func() {
			if open.Add(-1) == 0 {
				cancel()
			}
		})()
	}
	if err := r.in.cfg.Retries.Ensure(ctx, source); err != nil {
		for _, t := range twins {
			t.lacks(err)
		}
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	told := ""
	for failures := 0; len(twins) > 0; failures++ {
		placed, rest, err := r.place(ctx, twins, failures)
		for _, t := range placed {
			wg.Go(func() {
				r.mark(t)
				r.read(t)
			})
		}
		if twins = rest; len(twins) == 0 {
			return
		}
		if failures > 0 && ctx.Err() == nil && told != err.Error() {
			told = err.Error()
			t := twins[0]
			r.in.cfg.Emit(events.FetchFailed{Topic: t.key.topic, Partition: t.key.partition, Err: err})
		}
		if publish.Again(ctx, failures) != nil {
			return
		}
	}
}

// lacks gives up on a retry partition: what fails is tried again in place.
func (t *twin) lacks(err error) {
	t.absent = true
	close(t.found)
	t.in.cfg.Emit(events.RetriesInPlace{
		Topic: t.source.key.topic, Partition: t.key.partition, RetryTopic: t.key.topic, Err: err,
	})
	t.serves()
}

// exists waits until it is known whether there is such a retry partition. Its error
// wraps retry.ErrInPlace when there is none.
func (t *twin) exists(ctx context.Context) error {
	select {
	case <-t.found:
	case <-ctx.Done():
		return ctx.Err()
	}
	if t.absent {
		return fmt.Errorf("%w: there is no such partition", retry.ErrInPlace)
	}
	return nil
}

// looks is how often a retry partition is looked for before it counts as missing:
// brokers learn of a new one a moment after it was made.
const looks = 4

// place finds where twins are to be read from. It returns those for which it is known,
// and those for which it is to be asked again, with the reason.
func (r *retries) place(ctx context.Context, twins []*twin, failures int) (placed, rest []*twin, why error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	found, err := r.ask(ctx, twins)
	if err != nil {
		return nil, twins, err
	}
	for _, t := range twins {
		switch err := found.err(t.key); {
		case err == nil:
			t.place(found)
			close(t.found)
			placed = append(placed, t)
		case errors.Is(err, kerr.UnknownTopicOrPartition) && failures >= looks:
			t.lacks(err)
		default:
			rest, why = append(rest, t), security.OnTopic(security.Read, t.key.topic, err)
		}
	}
	return placed, rest, why
}

// answers are what groups have committed of a retry topic, by partition, and after that
// the bounds of its partitions. The commit of an earlier group counts before that of a
// later one.
type answers struct {
	commits      []map[int32]kmsg.OffsetFetchResponseTopicPartition
	begins, ends kadm.ListedOffsets
}

// err says what is not known of a partition.
func (a answers) err(k key) error {
	for _, listed := range []kadm.ListedOffsets{a.begins, a.ends} {
		if l, ok := listed.Lookup(k.topic, k.partition); !ok {
			return kerr.UnknownTopicOrPartition
		} else if l.Err != nil {
			return l.Err
		}
	}
	for _, commits := range a.commits {
		if c, ok := commits[k.partition]; !ok {
			return errors.New("the broker does not say what is committed")
		} else if err := kerr.ErrorForCode(c.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

func (r *retries) ask(ctx context.Context, twins []*twin) (found answers, err error) {
	topic := twins[0].topic
	groups := []string{r.in.cfg.Group}
	if topic.Spring {
		groups = append(groups, r.in.cfg.Group+"-retry")
	}
	for _, group := range groups {
		commits, err := r.committed(ctx, group, twins)
		if err != nil {
			return found, security.OnGroup(group, err)
		}
		found.commits = append(found.commits, commits)
	}
	admin := kadm.NewClient(r.in.client)
	if found.begins, err = admin.ListStartOffsets(ctx, topic.Name); err == nil {
		found.ends, err = admin.ListEndOffsets(ctx, topic.Name)
	}
	return found, security.OnTopic(security.Read, topic.Name, err)
}

// committed asks what a group has committed of the partitions of twins. It names them:
// of all that a group has committed, the Kafka client leaves out the topics whose ids it
// cannot look up at that moment, and they would look as if they had no commit.
func (r *retries) committed(
	ctx context.Context, group string, twins []*twin,
) (map[int32]kmsg.OffsetFetchResponseTopicPartition, error) {
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic = twins[0].key.topic
	for _, t := range twins {
		topic.Partitions = append(topic.Partitions, t.key.partition)
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.Topics, req.RequireStable = group, []kmsg.OffsetFetchRequestTopic{topic}, true
	resp, err := req.RequestWith(ctx, r.in.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	commits := make(map[int32]kmsg.OffsetFetchResponseTopicPartition)
	if errors.Is(err, kerr.GroupIDNotFound) {
		for _, t := range twins {
			commits[t.key.partition] = kmsg.OffsetFetchResponseTopicPartition{Offset: -1}
		}
		return commits, nil
	}
	if err != nil {
		return nil, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			commits[p.Partition] = p
		}
	}
	return commits, nil
}

// place says where to read from.
func (t *twin) place(found answers) {
	begin, _ := found.begins.Lookup(t.key.topic, t.key.partition)
	end, _ := found.ends.Lookup(t.key.topic, t.key.partition)
	t.at, t.was = begin.Offset, retry.Position{Owner: retry.NoOwner}
	if t.topic.Spring {
		t.at = end.Offset
	}
	for _, commits := range found.commits {
		c := commits[t.key.partition]
		if c.Offset < 0 {
			continue
		}
		t.at = min(max(c.Offset, begin.Offset), end.Offset)
		metadata := ""
		if c.Metadata != nil {
			metadata = *c.Metadata
		}
		t.was = retry.ParsePosition(t.at, end.Offset, metadata)
		if t.at != c.Offset {
			t.in.cfg.Emit(events.OffsetsLost{
				Group:    t.in.cfg.Group,
				Position: events.Position{Topic: t.key.topic, Partition: t.key.partition, Offset: c.Offset},
				Nearest:  t.at,
			})
		}
		return
	}
}

// mark begins the queue, and with KeepOrder writes the marker before it asks where the
// source ends: what is produced until then can be parked before the marker.
func (r *retries) mark(t *twin) {
	select {
	case <-t.begun:
	case <-t.ctx.Done():
		return
	}
	end := int64(-1)
	if t.topic.KeepOrder {
		marker := retry.Marker(t.key.topic, t.key.partition, t.token)
		if r.in.cfg.Retries.Store(t.ctx, marker, t.source.position(t.start)) != nil {
			return // it is given up
		}
		end = r.end(t.ctx, t.source.key)
	}
	t.queue.Begin(t.start, end, t.was)
}

// end is where a partition ends, or -1 when no broker says so.
func (r *retries) end(ctx context.Context, k key) int64 {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	ends, err := kadm.NewClient(r.in.client).ListEndOffsets(ctx, k.topic)
	if end, ok := ends.Lookup(k.topic, k.partition); err == nil && ok && end.Err == nil {
		return end.Offset
	}
	return -1
}

// read adds a twin to what is read. Where that begins is committed in any case: brokers
// forget offsets of such topics some days after their last commit.
func (r *retries) read(t *twin) {
	r.gate.pass(func() {
		r.turn <- struct{}{}
		defer func() { <-r.turn }()
		if r.in.find(t.key) != t.partition || t.closed.Load() {
			return
		}
		t.reads = true
		t.marks.Start(t.at, false)
		t.last = t.at - 1 // what comes from before, because the log was cut, was done
		t.queue.Dirty()
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
			t.key.topic: {t.key.partition: kgo.NewOffset().At(t.at)},
		})
	})
	r.in.wakeCommits()
}

// forget ends the reading of twins. What a later generation reads is let alone. It does
// not wait for a poll, for the group waits for it.
func (r *retries) forget(parts []*partition) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	gone := make(map[string][]int32)
	for _, p := range parts {
		if p.retries && r.in.find(p.key) == p {
			gone[p.key.topic] = append(gone[p.key.topic], p.key.partition)
		}
	}
	r.client.RemoveConsumePartitions(gone)
}
