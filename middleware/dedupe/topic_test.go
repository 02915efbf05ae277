package dedupe_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// rawClient is somebody else's client.
func rawClient(t testing.TB, cfg siskin.Config, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cfg.Brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func full() dedupe.Outcome {
	return dedupe.Outcome{
		Replies: []dedupe.Reply{
			{Value: []byte("text")},
			{Value: []byte{}},
			{},
			{Value: []byte{0, 0xff}, Key: []byte("k"), Headers: []siskin.Header{header("a", "1"), header("a", "2")}},
		},
		Fault: &siskin.Error{Code: siskin.CodeConflict, Message: "no", Details: json.RawMessage(`{"a":1}`)},
	}
}

func sameOutcome(t *testing.T, s dedupe.Store, n int, want dedupe.Outcome) {
	t.Helper()
	got, ok, err := s.Find(testContext(t), id(n))
	if err != nil || !ok {
		t.Fatalf("Find(%d) = %v, %v", n, ok, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(siskin.Error{})); diff != "" {
		t.Errorf("Find(%d), -want +got:\n%s", n, diff)
	}
}

func nothing(t *testing.T, s dedupe.Store, n int) {
	t.Helper()
	if o, ok, err := s.Find(testContext(t), id(n)); ok || err != nil {
		t.Errorf("Find(%d) = %v, %v, %v", n, o, ok, err)
	}
}

// What one instance remembers, every other one finds from then on.
func TestInstancesShareATopic(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	a, b := topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{})
	for n := range 50 {
		nothing(t, b, n)
		remember(t, a, n, full())
		sameOutcome(t, b, n, full())
		remember(t, b, n, value(n)) // the newest counts, everywhere
		sameOutcome(t, b, n, value(n))
	}
	nothing(t, a, 1_000) // reads to the end
	for n := range 50 {
		sameOutcome(t, a, n, value(n))
	}
}

// Many lookups and writes at once, from several instances: whatever was remembered
// before a lookup began is found.
func TestNothingThatWasRememberedIsMissed(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	instances := []*dedupe.TopicStore{
		topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{}),
	}
	var all sync.WaitGroup
	for w := range 24 {
		all.Go(func() {
			for i := range 10 {
				n := w*1_000 + i
				if err := instances[(w+i)%3].Remember(testContext(t), id(n), value(n%50)); err != nil {
					t.Errorf("remember: %v", err)
				}
				o, ok, err := instances[(w+i+1)%3].Find(testContext(t), id(n))
				if !ok || err != nil || len(o.Replies[0].Value) != n%50 {
					t.Errorf("Find(%d) = %v, %v, %v", n, o, ok, err)
				}
			}
		})
	}
	all.Wait()
}

func TestATopicOutlivesItsInstances(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	first := topicStore(t, cfg, topic, dedupe.Bounds{})
	remember(t, first, 1, full())
	first.Close()
	second := topicStore(t, cfg, topic, dedupe.Bounds{})
	if s := second.Stats(); s.Entries != 1 {
		t.Errorf("when it was ready: %+v", s)
	}
	sameOutcome(t, second, 1, full())
	if err := first.Remember(testContext(t), id(2), full()); err == nil {
		t.Error("a closed store remembers")
	}
	if _, _, err := first.Find(testContext(t), id(2)); err == nil {
		t.Error("a closed store looks up")
	}
}

// Services that share a topic do not see each other's outcomes.
func TestGroupsAreKeptApart(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	other := cfg
	other.Group += "/" + cfg.Group
	a, b := topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, other, topic, dedupe.Bounds{})
	remember(t, a, 1, full())
	nothing(t, b, 1)
	sameOutcome(t, a, 1, full())
	if s := b.Stats(); s.Skipped != 0 || s.Entries != 0 {
		t.Errorf("of the other group's records: %+v", s)
	}
}

// Garbage in the topic is passed over and counted, and hurts nobody.
func TestGarbageInTheTopic(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	var skipped []events.RecordsSkipped
	cfg.Observe = func(e events.Event) {
		if s, ok := e.(events.RecordsSkipped); ok {
			skipped = append(skipped, s)
		}
	}
	s := topicStore(t, cfg, topic, dedupe.Bounds{})
	remember(t, s, 1, full())
	key := func(n int) string { return "id/" + id(n).String() + "/" + cfg.Group }
	client := rawClient(t, cfg)
	bad := []kgo.Record{
		{Key: []byte("x"), Value: []byte("y")},
		{Key: []byte{}, Value: []byte{}},
		{Key: []byte("id/12/" + cfg.Group), Value: []byte(`{"v":1}`)},
		{Key: []byte("id/" + strings.Repeat("z", 64) + "/" + cfg.Group), Value: []byte(`{"v":1}`)},
		{Key: []byte(key(2)), Value: []byte(`{"v":2}`)},
		{Key: []byte(key(2)), Value: []byte(`{"v":1,"replies":"many"}`)},
		{Key: []byte(key(2)), Value: []byte("\x00\xff")},
		{Key: []byte(key(2)), Value: []byte{}},
		{Key: []byte("mark//" + cfg.Group), Value: []byte("1")},
		{Key: []byte("mark/x/" + cfg.Group), Value: []byte("one")},
	}
	for i := range bad {
		bad[i].Topic, bad[i].Partition = topic, 0
		if err := client.ProduceSync(testContext(t), &bad[i]).FirstErr(); err != nil {
			t.Fatalf("%q: %v", bad[i].Key, err)
		}
	}
	nothing(t, s, 2)
	sameOutcome(t, s, 1, full())
	if got := s.Stats().Skipped; got != len(bad) || len(skipped) != len(bad) {
		t.Errorf("%d skipped, %d told, want %d", got, len(skipped), len(bad))
	}
	late := topicStore(t, siskin.Config{Brokers: cfg.Brokers, Group: cfg.Group, Logger: siskintest.Quiet()}, topic, dedupe.Bounds{})
	sameOutcome(t, late, 1, full())
}

// A tombstone, which an operator can write, makes an id forgotten.
func TestATombstoneForgets(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	a, b := topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{})
	remember(t, a, 1, full())
	remember(t, a, 2, full())
	tombstone := &kgo.Record{Topic: topic, Key: []byte("id/" + id(1).String() + "/" + cfg.Group)}
	if err := rawClient(t, cfg).ProduceSync(testContext(t), tombstone).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []dedupe.Store{a, b} {
		nothing(t, s, 3) // reads to the end: one that is known is not looked up
		nothing(t, s, 1)
		sameOutcome(t, s, 2, full())
	}
}

// Old outcomes are neither kept nor read, whatever the topic still has.
func TestOldOutcomesAreNotRead(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	topicStore(t, cfg, topic, dedupe.Bounds{Age: time.Hour}).Close()
	client := rawClient(t, cfg)
	for n, age := range []time.Duration{2 * time.Hour, time.Minute, -time.Hour, 61 * time.Minute} {
		rec := &kgo.Record{
			Topic: topic, Key: []byte("id/" + id(n).String() + "/" + cfg.Group), Value: []byte(`{"v":1}`), Timestamp: time.Now().Add(-age),
		}
		if err := client.ProduceSync(testContext(t), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := topicStore(t, cfg, topic, dedupe.Bounds{Age: time.Hour})
	for n, known := range []bool{false, true, true, false} {
		if _, ok, err := s.Find(testContext(t), id(n)); ok != known || err != nil {
			t.Errorf("Find(%d) = %v, %v", n, ok, err)
		}
	}
	if got := s.Stats().Entries; got != 2 {
		t.Errorf("%d entries", got)
	}
}

// The topic is made as it should be.
func TestTheTopicIsCompacted(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	cfg.Partitions = 7 // of the service's topics, not of this one
	topicStore(t, cfg, topic, dedupe.Bounds{Age: 2 * time.Hour})
	admin := kadm.NewClient(rawClient(t, cfg))
	configs, err := admin.DescribeTopicConfigs(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range configs[0].Configs {
		if c.Key == "cleanup.policy" || c.Key == "retention.ms" {
			got[c.Key] = c.MaybeValue()
		}
	}
	if diff := cmp.Diff(map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "7200000"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	topics, err := admin.ListTopics(testContext(t), topic)
	if err != nil || len(topics[topic].Partitions) != 1 {
		t.Errorf("the topic has %d partitions, %v", len(topics[topic].Partitions), err)
	}
}

func TestAMissingTopicIsNamed(t *testing.T) {
	t.Parallel()
	cfg := siskintest.Config(t)
	cfg.Topics = "verify"
	s, err := dedupe.NewTopicStore(cfg, "nowhere", dedupe.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ready := s.Ready(testContext(t))
	_, _, found := s.Find(testContext(t), id(1))
	for _, err := range []error{ready, found, s.Remember(testContext(t), id(1), full())} {
		if !errors.Is(err, siskin.ErrMissingTopics) || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("got %v", err)
		}
	}
}

func TestSettingsOfATopicStore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg   siskin.Config
		topic string
		want  []string
	}{
		{siskin.Config{}, "a b", []string{`Group ""`, "not a legal topic name"}},
		{siskin.Config{Group: "g", Brokers: []string{"x:y"}}, "t", []string{"Brokers"}},
	} {
		_, err := dedupe.NewTopicStore(tt.cfg, tt.topic, dedupe.Bounds{Age: -1})
		for _, want := range append(tt.want, `dedupe.Bounds.Age "-1ns"`) {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("NewTopicStore(%q) = %v, want %q in it", tt.topic, err, want)
			}
		}
	}
}

// While no broker answers, lookups wait as long as their context, and no longer.
func TestWithoutABroker(t *testing.T) {
	t.Parallel()
	s, err := dedupe.NewTopicStore(siskin.Config{
		Brokers: []string{"127.0.0.1:1"}, Group: "g", Logger: siskintest.Quiet(),
	}, "outcomes", dedupe.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ready: %v", err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- s.Ready(t.Context()) }()
	s.Close()
	if err := <-waiting; err == nil {
		t.Error("a closed store is ready")
	}
}

// An outcome that fits in no record is remembered without its replies.
func TestAnOutcomeThatFitsInNoRecord(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	cfg.MaxRecordBytes = 20_000
	a, b := topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{})
	remember(t, a, 1, value(14_000))
	remember(t, a, 2, value(15_000))
	for _, s := range []dedupe.Store{a, b} {
		sameOutcome(t, s, 1, value(14_000))
		sameOutcome(t, s, 2, dedupe.Outcome{Cut: true})
	}
}
