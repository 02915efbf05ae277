package dedupe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicStore remembers on a compacted topic that all instances of a service share.
// Each instance writes its outcomes there, reads everybody's, and holds them in
// memory within Bounds. An outcome that one instance has remembered is found by
// every other one, and after a restart.
//
// Only partition 0 of the topic is used: every instance reads all of it anyway, and
// one partition has one order. Services can share a topic; each sees the outcomes
// of its own consumer group only, and reads those of the others.
//
// To look up an id that it does not know, an instance writes a mark and reads up to
// it, so that nothing written before can be missed; lookups at the same time share
// one mark. So a record that is no duplicate costs two writes and two reads of the
// topic, one after the other. A duplicate that is known costs none.
//
// Who can write to the topic can make a service skip records and give any answer:
// give the right to the service alone. Make a store with NewTopicStore. Safe for
// concurrent use.
type TopicStore struct {
	cfg      siskin.Config
	group    string
	topic    string
	instance string
	emit     events.Sink
	client   *kgo.Client
	pages    *fetch.Decompressor
	memory   *Memory
	rounds   rounds
	skipped  atomic.Int64

	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	opened chan struct{} // closed when the topic is there, or never will be
	failed error         // why not; read after opened

	mu      sync.Mutex
	next    int64         // the offset behind what was read last
	mending *fetch.Search // for the way past a batch that cannot be read, or nil

	renewal sync.Mutex // held while the topic is made anew
	renewed time.Time
}

// NewTopicStore returns a store for the services with cfg, which must be that of
// the service: its consumer group is part of what is remembered. It starts to read
// topic at once, and by cfg.Topics makes it, with one partition and
// cleanup.policy=compact,delete; Ready waits for that. Close it when the service
// has ended.
//
// Its error names all wrong settings. A store whose topic is missing under the policy
// "verify", or that has no right to it, says so in every call, and must be made anew.
func NewTopicStore(cfg siskin.Config, topic string, bounds Bounds) (*TopicStore, error) {
	err := cfg.Validate()
	if named := wire.CheckTopic(topic); named != nil {
		err = errors.Join(err, &siskin.ConfigError{Field: "dedupe topic", Value: topic, Err: named})
	}
	if cfg.Group == "" {
		err = errors.Join(err, &siskin.ConfigError{
			Field: "Group", Value: "", Err: errors.New("give the store the Config of its service"),
		})
	}
	memory, bad := NewMemory(bounds)
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	s := &TopicStore{
		cfg: cfg.WithDefaults(), group: cfg.Group, topic: topic, instance: rand.Text(), memory: memory,
		opened: make(chan struct{}), rounds: rounds{wake: make(chan struct{}, 1)},
	}
	s.emit = events.Log(s.cfg.Logger)
	if observe := cfg.Observe; observe != nil {
		log := s.emit
		s.emit = func(e events.Event) { log(e); observe(e) }
	}
	if s.pages, err = fetch.NewDecompressor(fetch.MaxBatchMemory, fetch.MaxPollMemory); err != nil {
		return nil, fmt.Errorf("dedupe: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.client, err = kgo.NewClient(s.options()...); err != nil {
		s.stop()
		return nil, fmt.Errorf("dedupe: make the Kafka client: %w", err)
	}
	s.tasks.Go(s.run)
	return s, nil
}

func (s *TopicStore) options() []kgo.Opt {
	return slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(s.cfg.Brokers...),
		kgo.ClientID(s.cfg.ClientID + "-dedupe"),
		kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryBackoffFn(backoff),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(int32(s.cfg.MaxRecordBytes)),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(250_000),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// An outcome that is written twice does no harm. An idempotent producer
		// that has let go of a topic begins its numbers anew with its old id, and
		// the broker then confirms records without storing them.
		kgo.DisableIdempotentWrite(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepRetryableFetchErrors(),
	}, fetch.Options(s.pages), s.cfg.Security.Options(), s.cfg.Kafka)
}

func backoff(failures int) time.Duration {
	return min(50*time.Millisecond<<min(max(failures-1, 0), 5), time.Second)
}

// Ready returns nil when everything is read that was remembered before, or why
// that cannot be: siskin.ErrMissingTopics, a missing right, or the error of ctx. Call it
// before the service runs, or its first records wait for it.
func (s *TopicStore) Ready(ctx context.Context) error {
	if err := s.catchUp(ctx); err != nil {
		return fmt.Errorf("dedupe: read the topic %q: %w", s.topic, err)
	}
	return nil
}

// Find returns what any instance has remembered for id before.
func (s *TopicStore) Find(ctx context.Context, id ID) (Outcome, bool, error) {
	if o, ok := s.memory.get(id, time.Now()); ok {
		return o, true, nil
	}
	if err := s.catchUp(ctx); err != nil {
		return Outcome{}, false, fmt.Errorf("read the topic %q: %w", s.topic, err)
	}
	o, ok := s.memory.get(id, time.Now())
	return o, ok, nil
}

// Remember writes an outcome and returns when all replicas that are in sync have
// it. One that is larger than a record can be is written without its replies. With
// an error it may be written all the same.
func (s *TopicStore) Remember(ctx context.Context, id ID, o Outcome) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	value, err := encodeOutcome(o)
	if err == nil && len(value) > s.cfg.MaxRecordBytes-recordBytes {
		o = o.withoutReplies()
		value, err = encodeOutcome(o)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	return s.keep(ctx, idKey(id, s.group), value, func(r *kgo.Record) { s.memory.put(id, o, now, r.Offset) })
}

// recordBytes is what a record needs beside its value.
const recordBytes = 1 << 10

// Stats returns the numbers of the store.
func (s *TopicStore) Stats() Stats {
	stats := s.memory.Stats()
	stats.Skipped = int(s.skipped.Load())
	return stats
}

// Close stops reading and writing and frees what the store holds. What is being
// looked up or remembered fails.
func (s *TopicStore) Close() {
	s.stop()
	s.client.Close()
	s.tasks.Wait()
}

func (s *TopicStore) open(ctx context.Context) error {
	select {
	case <-s.opened:
		return s.failed
	case <-ctx.Done():
		return fmt.Errorf("the topic is not there yet: %w", ctx.Err())
	}
}
