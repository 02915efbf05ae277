package redrive_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds every wait, so that a test that hangs says where.
const patience = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// site is a topic with a dead-letter topic, on a broker that others may share.
type site struct {
	brokers []string
	opts    []kgo.Opt // of all clients
	topic   string
	dlt     string
	client  *kgo.Client
	admin   *kadm.Client
}

// partitions are of each topic of a site.
const partitions = 3

func newSite(t *testing.T, brokers []string, opts ...kgo.Opt) *site {
	t.Helper()
	s := &site{brokers: brokers, opts: opts, topic: siskintest.Name("orders")}
	s.dlt = deadletter.Topic(s.topic)
	s.client = s.open(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	s.admin = kadm.NewClient(s.client)
	for _, topic := range []string{s.topic, s.dlt} {
		s.create(t, topic, partitions)
	}
	return s
}

func (s *site) create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	if err := testtopics.Create(testContext(t), s.admin, partitions, nil, topic); err != nil {
		t.Fatal(err)
	}
}

func (s *site) open(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(slices.Concat(
		[]kgo.Opt{kgo.SeedBrokers(s.brokers...), kgo.MetadataMinAge(10 * time.Millisecond)}, s.opts, opts,
	)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// value is that of the record at an offset of a partition.
func value(partition int32, offset int) string { return fmt.Sprintf("%d-%d", partition, offset) }

// fill makes n dead letters of each partition, as Siskin writes them.
func (s *site) fill(t *testing.T, n int) {
	t.Helper()
	for p := range int32(partitions) {
		for i := range n {
			s.fail(t, &kgo.Record{Topic: s.topic, Partition: p, Offset: int64(i), Key: []byte("k"), Value: []byte(value(p, i))})
		}
	}
}

// fail makes a dead letter of rec, in the partition of rec.
func (s *site) fail(t *testing.T, rec *kgo.Record) {
	t.Helper()
	keyed := s.open(t, kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(_ *kgo.Record, n int) int { return int(rec.Partition) % n }
	})))
	defer keyed.Close()
	letters := deadletter.NewPublisher(keyed, "shop", exists)
	err := letters.Publish(testContext(t), rec, deadletter.Failure{Cause: errors.New("no stock")}, func(err error) { t.Log(err) })
	if err != nil {
		t.Fatal(err)
	}
}

// job opens the dead-letter topic for a redrive, whose steps are gathered.
func (s *site) job(t *testing.T, job redrive.Job) (redrive.Job, *[]redrive.Step) {
	t.Helper()
	topics, err := redrive.Open(testContext(t), s.admin, s.dlt)
	if err != nil {
		t.Fatal(err)
	}
	job.Topic = topics[0]
	if job.Max == 0 {
		job.Max = 3
	}
	steps := new([]redrive.Step)
	job.Report = func(step redrive.Step) error {
		*steps = append(*steps, step)
		return nil
	}
	return job, steps
}

// run redrives to the end.
func (s *site) run(t *testing.T, job redrive.Job) []redrive.Step {
	t.Helper()
	job, steps := s.job(t, job)
	client := s.open(t, redrive.RunOptions(s.dlt, 1<<20)...)
	defer client.Close()
	if err := job.Run(testContext(t), client); err != nil {
		t.Fatal(err)
	}
	return *steps
}

// read returns what a reader of committed records finds in topic, by partition. It
// waits for the end of transactions.
func (s *site) read(t *testing.T, topic string) map[int32][]*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	left, starts := make(map[int32]int64), make(map[int32]kgo.Offset)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			left[end.Partition], starts[end.Partition] = end.Offset, kgo.NewOffset().AtStart()
		}
	})
	reader := s.open(t, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	defer reader.Close()
	found := make(map[int32][]*kgo.Record)
	for len(left) > 0 {
		for r := range reader.PollFetches(ctx).RecordsAll() {
			if !r.Attrs.IsControl() {
				found[r.Partition] = append(found[r.Partition], r)
			}
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: the ends %v were not reached; is a transaction open?", topic, left)
		}
	}
	return found
}

// exists says that a dead-letter topic is there.
func exists[T any](context.Context, T) error { return nil }
