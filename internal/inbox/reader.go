package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kgo"
)

// read makes the reader follow route from offset on.
func (in *Inbox) read(route *Route, offset int64) error {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return context.Canceled
	}
	in.place(partition{route.Topic, route.Partition}, offset)
	if in.reader != nil {
		in.add(addition{route, offset})
		return nil
	}
	where := map[string]map[int32]kgo.Offset{route.Topic: {route.Partition: kgo.NewOffset().At(offset)}}
	var err error
	if in.memory, err = fetch.NewDecompressor(fetch.MaxBatchMemory, fetch.MaxPollMemory); err != nil {
		return err
	}
	reader, err := kgo.NewClient(slices.Concat(in.readerOptions(where), fetch.Options(in.memory), in.cfg.Options)...)
	if err != nil {
		return fmt.Errorf("make the Kafka client for replies: %w", err)
	}
	in.reader, in.adding = reader, true
	in.tasks.Go(func() { in.addFirst(addition{route, offset}) })
	in.tasks.Go(func() { in.poll(reader) })
	in.tasks.Go(func() { fetch.Wake(in.ctx, reader) })
	return nil
}

func (in *Inbox) readerOptions(where map[string]map[int32]kgo.Offset) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumePartitions(where),
		// After data loss, read a minute again: replies are matched by id, so
		// an old one does no harm. After a mere reconnect the library resumes
		// from its last position.
		kgo.ConsumeResetOffset(kgo.RewindOffset(time.Minute)),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(fetchWait),
		// Without this the library hides that a partition is gone.
		kgo.KeepRetryableFetchErrors(),
	}
}

// fetchWait is how long the broker holds a fetch that finds nothing.
const fetchWait = 500 * time.Millisecond

// poll hands records on until the inbox is closed.
func (in *Inbox) poll(reader *kgo.Client) {
	missing := make(map[partition]time.Time)
	for {
		fetches := reader.PollFetches(in.ctx)
		if in.ctx.Err() != nil || fetches.IsClientClosed() {
			return
		}
		in.memory.Polled()
		in.polls.Add(1)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) > 0 {
				in.hear(p, missing)
			}
		})
		fetches.EachError(func(topic string, n int32, err error) { in.failed(reader, missing, partition{topic, n}, err) })
	}
}

type partition struct {
	topic  string
	number int32
}

func (in *Inbox) hear(p kgo.FetchTopicPartition, missing map[partition]time.Time) {
	delete(missing, partition{p.Topic, p.Partition})
	if r := in.heard(p); r != nil && r.Partition == p.Partition && !r.heard.Load() {
		r.heard.Store(true)
	}
	for _, rec := range p.Records {
		in.cfg.Deliver(rec)
	}
}

// heard notes how far a partition was read, and returns the route in use for its
// topic, or nil.
func (in *Inbox) heard(p kgo.FetchTopicPartition) *Route {
	in.mu.Lock()
	defer in.mu.Unlock()
	if at := in.places[partition{p.Topic, p.Partition}]; at != nil {
		at.next = p.Records[len(p.Records)-1].Offset + 1
	}
	return in.current(p.Topic)
}

// current is the route in use for a topic, or nil. The caller holds mu.
func (in *Inbox) current(topic string) *Route {
	s := in.routes[topic]
	if s == nil {
		return nil
	}
	select {
	case <-s.ready:
		return s.route
	default:
		return nil
	}
}

// goneAfter is how long a partition must be unknown before it counts as gone:
// brokers that have just started do not know all partitions at once.
const goneAfter = 2 * time.Second

// failed handles an error of one partition. Most mend themselves; a partition
// that is gone ends its route, so that calls fail at once and by name.
func (in *Inbox) failed(reader *kgo.Client, missing map[partition]time.Time, p partition, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) || p.topic == "" {
		return
	}
	if denied := security.OnTopic(security.Read, p.topic, err); errors.Is(denied, security.ErrAuthorization) {
		in.lose(reader, p, denied)
		return
	}
	if !gone(err) {
		delete(missing, p)
		if loss, ok := errors.AsType[*kgo.ErrDataLoss](err); ok {
			in.rewind(p, loss.ResetTo)
		}
		if fetch.Damaged(err) {
			in.mend(reader, p, err)
		}
		return
	}
	since, ok := missing[p]
	if !ok {
		missing[p] = time.Now()
		return
	}
	if time.Since(since) < goneAfter {
		return
	}
	delete(missing, p)
	in.lose(reader, p, ErrRouteLost)
}

// lose ends what is read of a topic one of whose partitions is gone, or may not be
// read. Partitions are never removed, so the topic was: its current route is gone
// too, whichever partition was missed first.
func (in *Inbox) lose(reader *kgo.Client, p partition, why error) {
	r := in.drop(reader, p.topic)
	if r == nil {
		return
	}
	failed := in.cfg.Lost(r, why)
	in.cfg.Emit(events.RouteLeft{
		ReplyTopic: p.topic, Partition: r.Partition, Reason: why.Error(), Failed: failed,
	})
}

// drop makes the reader forget a topic, and returns the route that it ends.
func (in *Inbox) drop(reader *kgo.Client, topic string) *Route {
	in.turn.Lock()
	defer in.turn.Unlock()
	reader.PurgeTopicsFromConsuming(topic)
	in.mu.Lock()
	defer in.mu.Unlock()
	r := in.current(topic)
	if r == nil {
		return nil
	}
	delete(in.routes, topic)
	in.ready.Delete(topic)
	delete(in.known, topic)
	in.displace(topic)
	in.forget(topic)
	return r
}
