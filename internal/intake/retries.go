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

// begin reads the twins of new partitions, from where earlier owners have come.
func (r *retries) begin(twins []*twin) {
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
	twins = r.there(ctx, twins)
	var wg sync.WaitGroup
	if err := r.place(ctx, twins); err != nil {
		return // all were given up
	}
	for _, t := range twins {
		wg.Go(func() { r.mark(t) })
	}
	wg.Wait()
	r.read(twins)
}

// there sees to it that the retry topics exist. Where one cannot, its records are
// tried again in place.
func (r *retries) there(ctx context.Context, twins []*twin) []*twin {
	failed := make(map[string]error)
	return slices.DeleteFunc(twins, func(t *twin) bool {
		topic := t.source.key.topic
		err, asked := failed[topic]
		if !asked {
			err = r.in.cfg.Retries.Ensure(ctx, topic)
			failed[topic] = err
		}
		if err == nil || ctx.Err() != nil {
			return false
		}
		t.lacks(err)
		return true
	})
}

// lacks gives up on a retry partition: what fails is tried again in place.
func (t *twin) lacks(err error) {
	t.absent.Store(true)
	t.in.cfg.Emit(events.RetriesInPlace{
		Topic: t.source.key.topic, Partition: t.key.partition, RetryTopic: t.key.topic, Err: err,
	})
	t.serves()
}

// place finds where each twin is to be read from.
func (r *retries) place(ctx context.Context, twins []*twin) error {
	for delay := firstPlace; ; delay = min(2*delay, lastPlace) {
		err := r.tryPlace(ctx, twins)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	firstPlace = 20 * time.Millisecond
	lastPlace  = time.Second
)

// tryPlace asks once.
func (r *retries) tryPlace(ctx context.Context, twins []*twin) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	admin := kadm.NewClient(r.in.client)
	topics := make([]string, 0, len(twins))
	groups := []string{r.in.cfg.Group}
	for _, t := range twins {
		topics = append(topics, t.key.topic)
		if t.topic.Spring && len(groups) == 1 {
			groups = append(groups, r.in.cfg.Group+"-retry")
		}
	}
	if len(twins) == 0 {
		return nil
	}
	committed := make([]kadm.OffsetResponses, len(groups))
	var err error
	for i, group := range groups {
		committed[i], err = admin.FetchOffsets(ctx, group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return err
		}
	}
	begins, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return err
	}
	for _, t := range twins {
		begin, known := begins.Lookup(t.key.topic, t.key.partition)
		end, _ := ends.Lookup(t.key.topic, t.key.partition)
		switch {
		case !known:
			t.lacks(kerr.UnknownTopicOrPartition)
		case begin.Err != nil || end.Err != nil:
			return errors.Join(begin.Err, end.Err)
		default:
			t.place(committed, begin.Offset, end.Offset)
		}
	}
	return nil
}

// place says where to read from, given what groups have committed and the log's bounds.
func (t *twin) place(committed []kadm.OffsetResponses, begin, end int64) {
	t.at, t.was, t.kept = begin, retry.Position{Owner: retry.NoOwner}, false
	if t.topic.Spring {
		t.at = end
	}
	for i, offsets := range committed {
		c, ok := offsets.Lookup(t.key.topic, t.key.partition)
		if !ok || c.Err != nil || c.At < 0 {
			continue
		}
		t.at, t.kept = min(max(c.At, begin), end), i == 0
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

// mark begins the queue, and with KeepOrder writes the marker before it asks where the
// source ends: what is produced until then can be parked before the marker.
func (r *retries) mark(t *twin) {
	if t.absent.Load() {
		return
	}
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

// read adds the twins to what is read.
func (r *retries) read(twins []*twin) {
	r.gate.pass(func() {
		where := make(map[string]map[int32]kgo.Offset)
		for _, t := range twins {
			if t.absent.Load() || r.in.find(t.key) != t.partition || t.closed.Load() {
				continue
			}
			t.marks.Start(t.at, t.kept)
			t.unstored.Store(true)
			if where[t.key.topic] == nil {
				where[t.key.topic] = make(map[int32]kgo.Offset)
			}
			where[t.key.topic][t.key.partition] = kgo.NewOffset().At(t.at)
		}
		r.client.AddConsumePartitions(where)
	})
	r.in.wakeCommits()
}

// forget ends the reading of twins.
func (r *retries) forget(parts []*partition) {
	gone := make(map[string][]int32)
	for _, p := range parts {
		if p.retries {
			gone[p.key.topic] = append(gone[p.key.topic], p.key.partition)
		}
	}
	if len(gone) > 0 {
		r.gate.pass(func() { r.client.RemoveConsumePartitions(gone) })
	}
}
