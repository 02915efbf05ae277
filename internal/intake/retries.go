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
	return &retries{in: in, client: client, gate: newGate(), memory: memory}, nil
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
	for failures := 0; len(twins) > 0; failures++ {
		placed, rest := r.place(ctx, twins, failures)
		for _, t := range placed {
			wg.Go(func() {
				t.mark()
				r.read(t)
			})
		}
		twins = rest
		if len(twins) > 0 && publish.Again(ctx, failures) != nil {
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
// and those for which it is to be asked again.
func (r *retries) place(ctx context.Context, twins []*twin, failures int) (placed, rest []*twin) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	committed, begins, ends, err := r.ask(ctx, twins[0].topic)
	if err != nil {
		return nil, twins
	}
	for _, t := range twins {
		begin, known := begins.Lookup(t.key.topic, t.key.partition)
		end, _ := ends.Lookup(t.key.topic, t.key.partition)
		known = known && !errors.Is(begin.Err, kerr.UnknownTopicOrPartition)
		switch {
		case !known && failures >= looks:
			t.lacks(kerr.UnknownTopicOrPartition)
		case !known || begin.Err != nil || end.Err != nil:
			rest = append(rest, t)
		default:
			t.place(committed, begin.Offset, end.Offset)
			close(t.found)
			placed = append(placed, t)
		}
	}
	return placed, rest
}

// ask asks what is committed of a retry topic, by the groups whose commits count, and
// then for the bounds of its partitions.
func (r *retries) ask(ctx context.Context, topic RetryTopic) (
	committed []kadm.OffsetResponses, begins, ends kadm.ListedOffsets, err error,
) {
	admin := kadm.NewClient(r.in.client)
	groups := []string{r.in.cfg.Group}
	if topic.Spring {
		groups = append(groups, r.in.cfg.Group+"-retry")
	}
	for _, group := range groups {
		offsets, err := admin.FetchOffsets(ctx, group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return nil, nil, nil, err
		}
		committed = append(committed, offsets)
	}
	if begins, err = admin.ListStartOffsets(ctx, topic.Name); err != nil {
		return nil, nil, nil, err
	}
	ends, err = admin.ListEndOffsets(ctx, topic.Name)
	return committed, begins, ends, err
}

// place says where to read from, given what groups have committed and the log's bounds.
func (t *twin) place(committed []kadm.OffsetResponses, begin, end int64) {
	t.at, t.was = begin, retry.Position{Owner: retry.NoOwner}
	if t.topic.Spring {
		t.at = end
	}
	for _, offsets := range committed {
		c, ok := offsets.Lookup(t.key.topic, t.key.partition)
		if !ok || c.Err != nil || c.At < 0 {
			continue
		}
		t.at = min(max(c.At, begin), end)
		t.was = retry.ParsePosition(t.at, end, c.Metadata)
		if t.at != c.At {
			t.in.cfg.Emit(events.OffsetsLost{
				Group:    t.in.cfg.Group,
				Position: events.Position{Topic: t.key.topic, Partition: t.key.partition, Offset: c.At},
				Nearest:  t.at,
			})
		}
		return
	}
}

// mark begins the queue, and with KeepOrder writes the marker.
func (t *twin) mark() {
	select {
	case <-t.begun:
	case <-t.ctx.Done():
		return
	}
	t.queue.Begin(t.start, t.end, t.was)
	if !t.topic.KeepOrder {
		return
	}
	marker := retry.Marker(t.key.topic, t.key.partition, t.token)
	_ = t.in.cfg.Retries.Store(t.ctx, marker, t.source.position(t.end)) // tried until the partition is given up
}

// read adds a twin to what is read. Where that begins is committed in any case: brokers
// forget offsets of such topics some days after their last commit.
func (r *retries) read(t *twin) {
	r.gate.pass(func() {
		if r.in.find(t.key) != t.partition || t.closed.Load() {
			return
		}
		t.marks.Start(t.at, false)
		t.queue.Dirty()
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
			t.key.topic: {t.key.partition: kgo.NewOffset().At(t.at)},
		})
	})
	r.in.wakeCommits()
}

// forget ends the reading of twins. What a later generation reads is let alone.
func (r *retries) forget(parts []*partition) {
	r.gate.pass(func() {
		gone := make(map[string][]int32)
		for _, p := range parts {
			if p.retries && r.in.find(p.key) == p {
				gone[p.key.topic] = append(gone[p.key.topic], p.key.partition)
			}
		}
		r.client.RemoveConsumePartitions(gone)
	})
}
