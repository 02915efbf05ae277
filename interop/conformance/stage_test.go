package conformance_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What these bound should happen at once; they are only used up by a failure.
const (
	patience      = 30 * time.Second
	startPatience = time.Minute
)

// version is one of NestJS.
type version struct {
	number   int
	packages string // the folder with them
}

var versions = []version{{12, "../nest"}, {11, "../nest11"}, {10, "../nest10"}}

func (v version) String() string { return "NestJS" + strconv.Itoa(v.number) }

// hasExpressions reports whether handlers can have a regular expression of topics.
func (v version) hasExpressions() bool { return v.number >= 12 }

// stage has one version of NestJS and Siskin on it, each as a service and as a
// client.
type stage struct {
	version
	cfg    siskin.Config // of the Siskin service
	prefix string        // of all topics, so that nothing else meets them
	digits string        // a topic's name that is a number
	tape   *tape
	nest   *peer.Pair
	client *siskin.Client
	seen   chan delivered
	events chan events.Event
	strays int // lines of the NestJS client that a case has complained about

	mu    sync.Mutex
	doing behaviour // of the Siskin service
}

// delivered is a record as a handler of the Siskin service got it.
type delivered struct {
	topic   string
	value   any
	key     []byte
	headers []siskin.Header
	request bool
}

// delivered tells the stage about it.
func (s *stage) delivered(ctx context.Context, v any) {
	d, _ := siskin.DeliveryFrom(ctx)
	s.seen <- delivered{
		s.constant(d.Topic()), v, slices.Clone(d.Key()), slices.Clone(d.Headers()), d.Request(),
	}
}

func (s *stage) topic(pattern string) string { return s.prefix + pattern }

// constant is text without what differs from run to run.
func (s *stage) constant(text string) string {
	return strings.NewReplacer(s.prefix, "", s.digits, "<number>").Replace(text)
}

// nestRequests are the topics that the NestJS server reads.
var nestRequests = []string{
	"run", "note", "twice", "message-then-event", "event-then-message", "events", "list.a", "list.b",
	"refused", "filtered", "binary", "property", "rx.exact", "rx.a", "rx.b", "rpc.a",
}

// nestPatterns are what the NestJS client sends to the Siskin service, or to
// nobody but the test.
func nestPatterns() []string {
	patterns := []string{"go.run", "go.stream", "go.rx.a", "go.events", "raw"}
	for _, t := range goTypes {
		patterns = append(patterns, "ask."+t.name)
	}
	return patterns
}

// newStage starts everything.
func newStage(t *testing.T, v version, cfg siskin.Config) *stage {
	t.Helper()
	s := &stage{
		version: v, prefix: siskintest.Name("conformance") + ".", digits: strconv.Itoa(1e8 + rand.IntN(9e8)),
		seen: make(chan delivered, 100), events: make(chan events.Event, 1000),
	}
	topics := s.topics()
	cfg.Group, cfg.ClientID = siskintest.Name("conformance"), "nestjs"
	cfg.Observe, cfg.Refresh = s.observe, time.Second
	s.cfg = cfg
	makeTopics(t, cfg.Brokers, topics)
	t.Cleanup(func() { s.cleanUp(t, cfg) }) // also for the next version
	var err error
	if s.tape, err = newTape(cfg.Brokers, topics); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.tape.close)
	var starting sync.WaitGroup
	starting.Go(func() { s.startNest(t, cfg) })
	starting.Go(func() { s.startSiskin(t, cfg) })
	starting.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return s
}

// topics are all that are used, with the numbers of their partitions.
func (s *stage) topics() map[string]int32 {
	topics := make(map[string]int32)
	for _, name := range slices.Concat(nestRequests, nestPatterns()) {
		topics[s.topic(name)], topics[s.topic(name+".reply")] = 1, 1
	}
	for _, name := range []string{"true", s.digits, s.digits + "e3", s.digits + "e4"} {
		topics[name], topics[name+".reply"] = 1, 1
	}
	for _, t := range goTypes {
		topics[s.topic("take."+t.name)] = 1
	}
	for _, name := range []string{"go.rx.b", "go.rx.exact"} {
		topics[s.topic(name)] = 1
	}
	for _, name := range []string{"three", "three.reply"} {
		topics[s.topic(name)] = 3
	}
	return topics
}

func makeTopics(t *testing.T, brokers []string, topics map[string]int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	if err := createAll(ctx, client, topics); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) startNest(t *testing.T, cfg siskin.Config) {
	dir := t.TempDir()
	if err := peer.Folder(dir, "../nest", s.packages); err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	env := []string{
		"BROKERS=" + strings.Join(cfg.Brokers, ","), "PREFIX=" + s.prefix, "GROUP_ID=" + cfg.Group + "-nest",
		"PATTERNS=" + strings.Join(nestPatterns(), ","), "BINARY_PATTERNS=raw", "TZ=UTC", "NUMBER=" + s.digits,
	}
	if s.hasExpressions() {
		env = append(env, "REGULAR_EXPRESSIONS=1")
	}
	var err error
	s.nest, err = peer.StartPair(ctx, peer.Options{Dir: dir, Program: "conformance.js", Env: env})
	if err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() {
		if s.nest.Crashed() {
			t.Error("a consumer of NestJS crashed")
		}
		if err := s.nest.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func (s *stage) startSiskin(t *testing.T, cfg siskin.Config) {
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Error(err)
		return
	}
	s.register(svc)
	siskintest.Run(t, svc)
	s.client = siskintest.Client(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	var patterns []siskin.Contract
	for _, name := range slices.Concat(nestRequests, nestPatterns()) {
		patterns = append(patterns, siskin.NewRPC[any, any](s.topic(name)))
	}
	if err := s.client.Ready(ctx, patterns...); err != nil {
		t.Error(err)
	}
}

// observe keeps what a case may ask for.
func (s *stage) observe(e events.Event) {
	switch e.(type) {
	case events.ReplyLost, events.Handled:
		s.events <- e
	}
}

// cleanUp leaves the broker as it was.
func (s *stage) cleanUp(t *testing.T, cfg siskin.Config) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := removeAll(ctx, client, s.prefix, cfg.Group, slices.Collect(maps.Keys(s.topics()))); err != nil {
		t.Error(err)
	}
}

// another is one more client of Siskin for the rest of a scene.
func (p *play) another(cfg siskin.Config) *siskin.Client {
	p.Helper()
	return siskintest.Client(p.T, cfg)
}
