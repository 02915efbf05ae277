package siskin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func upper(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil }

func TestMistakesInRegisteringAreReturnedTogether(t *testing.T) {
	t.Parallel()
	svc, err := siskin.NewService(siskin.Config{Group: "g", Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	siskin.Handle(svc, "twice", upper)
	siskin.NewRPC[string, string]("twice").Handle(svc, upper)
	siskin.On(svc, "twice", func(context.Context, string) error { return nil })
	siskin.Handle(svc.Scope().Scope(), "no topic!", upper)
	siskin.On(svc, "both", func(context.Context, string) error { return nil })
	siskin.Handle(svc, "both", upper)
	err = svc.Run(t.Context()) // at once: no broker is asked
	if err == nil {
		t.Fatal("no error")
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, "service_test.go:") {
			t.Errorf("without file and line: %s", line)
		}
		lines = append(lines, line)
	}
	if len(lines) != 4 {
		t.Errorf("%d mistakes, want 4:\n%v", len(lines), err)
	}
	if _, ok := errors.AsType[*siskin.ConfigError](err); !ok {
		t.Error("not a ConfigError")
	}
	if err := svc.Run(t.Context()); !errors.Is(err, siskin.ErrRunning) {
		t.Errorf("a second Run: %v", err)
	}
}

func TestAServiceWithoutHandlersOrGroup(t *testing.T) {
	t.Parallel()
	if _, err := siskin.NewService(siskin.Config{}); err == nil || !strings.Contains(err.Error(), "consumer group") {
		t.Errorf("without a group: %v", err)
	}
	svc, err := siskin.NewService(siskin.Config{Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no handlers") {
		t.Errorf("without handlers: %v", err)
	}
}

// mark is middleware that notes when it is entered and left.
func mark(trail chan<- string, name string) siskin.Middleware {
	return func(next siskin.Handler) siskin.Handler {
		return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
			trail <- name
			err := next(ctx, d, func(v any) error {
				trail <- name + " reply"
				return reply(v)
			})
			trail <- name + " end"
			return err
		}
	}
}

// A timeout below what the Kafka client takes is fine for calls, and so it must be
// for services.
func TestAShortTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Timeout = 300 * time.Millisecond
	rpc := siskin.NewRPC[string, string](siskintest.Name("rpc"))
	svc := b.service()
	rpc.Handle(svc, upper)
	b.run(svc)
	if s, err := rpc.Send(b.ctx(), b.client(), "x", siskin.WithTimeout(patience)); s != "X" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestMiddlewareRunsFromServiceToHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	trail := make(chan string, 20)
	topic := siskintest.Name("up")
	svc := b.service()
	scope := svc.Scope(siskin.WithMiddleware(mark(trail, "outer"))).Scope(siskin.WithMiddleware(mark(trail, "inner")))
	siskin.Handle(scope, topic, upper, siskin.WithMiddleware(mark(trail, "handler")))
	svc.Use(mark(trail, "service")) // also for handlers registered before
	b.run(svc)
	if got, err := siskin.Send[string](b.ctx(), b.client(), topic, "x"); got != "X" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	want := []string{
		"service", "outer", "inner", "handler", "handler reply", "inner reply", "outer reply", "service reply",
		"handler end", "inner end", "outer end", "service end",
	}
	for _, w := range want {
		if got := receive(t, trail); got != w {
			t.Errorf("got %q, want %q", got, w)
		}
	}
}

func TestMiddlewareRefusesBeforeDecoding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("secret")
	svc := b.service()
	svc.Use(func(next siskin.Handler) siskin.Handler {
		return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
			if token, _ := d.Header("token"); string(token) != "open sesame" {
				return siskin.Errorf(siskin.CodeDenied, "no")
			}
			return next(ctx, d, reply)
		}
	})
	siskin.Handle(svc, topic, func(_ context.Context, n int) (int, error) { return n, nil })
	b.run(svc)
	client := b.client()
	if _, err := siskin.Send[int](b.ctx(), client, topic, "no number"); siskin.CodeOf(err) != siskin.CodeDenied {
		t.Errorf("without a token: %v", err)
	}
	got, err := siskin.Send[int](b.ctx(), client, topic, 7, siskin.WithHeader("token", "open sesame"))
	if got != 7 || err != nil {
		t.Errorf("with a token: %d, %v", got, err)
	}
}

func TestReplyTopicsOfStrangersAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("up")
	svc := b.service()
	ran := make(chan string, 10)
	siskin.Handle(svc, topic, func(_ context.Context, s string) (string, error) { ran <- s; return s, nil })
	b.run(svc)
	producer := rawClient(t, b)
	for _, replyTopic := range []string{topic, "__consumer_offsets", "orders", "x-dlt"} {
		request := &kgo.Record{Topic: topic, Value: []byte("evil"), Headers: []kgo.RecordHeader{
			{Key: "kafka_correlationId", Value: []byte("1")}, {Key: "kafka_replyTopic", Value: []byte(replyTopic)},
		}}
		if err := producer.ProduceSync(b.ctx(), request).FirstErr(); err != nil {
			t.Fatal(err)
		}
		lost := wait(t, b.watch, func(e events.ReplyLost) bool { return e.ReplyTopic == replyTopic })
		if !strings.Contains(lost.Err.Error(), "reply topic refused") {
			t.Errorf("%s: %v", replyTopic, lost.Err)
		}
	}
	same(t, b, b.client(), topic, "good")
	if got := receive(t, ran); got != "good" {
		t.Errorf("the handler ran for %q", got)
	}
}

func rawClient(t *testing.T, b *bundle) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// committed is the offset that the group has stored for a partition 0.
func committed(t *testing.T, b *bundle, topic string) int64 {
	t.Helper()
	offsets, err := kadm.NewClient(rawClient(t, b)).FetchOffsets(b.ctx(), b.cfg.Group+"-server")
	if err != nil {
		t.Fatal(err)
	}
	o, ok := offsets.Lookup(topic, 0)
	if !ok {
		return -1
	}
	return o.At
}

func TestStoppingLetsTheHandlerFinishAndCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow, entered, release, stop := b.slow()
	client := b.client()
	answer := make(chan error, 1)
	go func() {
		_, err := slow.Send(b.ctx(), client, "x")
		answer <- err
	}()
	receive(t, entered)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	close(release)
	if err := receive(t, answer); err != nil {
		t.Errorf("the caller got %v", err)
	}
	if err := receive(t, ended); err != nil {
		t.Errorf("the service ended with %v", err)
	}
	if n := committed(t, b, slow.Pattern()); n != 1 {
		t.Errorf("committed offset %d, want 1", n)
	}
}

func TestWhatIsNotFinishedIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Drain = 50 * time.Millisecond
	note := siskin.NewEvent[string](siskintest.Name("note"))
	entered := make(chan struct{}, 1)
	stuck := b.service()
	note.On(stuck, func(ctx context.Context, _ string) error {
		entered <- struct{}{}
		<-ctx.Done() // ends when the drain is over
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(b.ctx())
	ended := make(chan error, 1)
	go func() { ended <- stuck.Run(ctx) }()
	if err := stuck.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := note.Emit(b.ctx(), b.client(), "again"); err != nil {
		t.Fatal(err)
	}
	receive(t, entered)
	cancel()
	if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), "delivered again") {
		t.Errorf("the stuck service ended with %v", err)
	}
	got := make(chan string, 1)
	next := b.service()
	note.On(next, func(_ context.Context, s string) error { got <- s; return nil })
	b.run(next)
	if s := receive(t, got); s != "again" {
		t.Errorf("got %q", s)
	}
}

func TestAGroupGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	client := b.client()
	if _, err := note.Emit(b.ctx(), client, "before the group existed"); err != nil {
		t.Fatal(err)
	}
	serve := func() (<-chan string, func() error) {
		got := make(chan string, 10)
		svc := b.service()
		note.On(svc, func(_ context.Context, s string) error { got <- s; return nil })
		return got, b.run(svc)
	}
	_, stop := serve() // starts at the end and commits that, although it handles nothing
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := note.Emit(b.ctx(), client, "while it was away"); err != nil {
		t.Fatal(err)
	}
	got, _ := serve()
	if s := receive(t, got); s != "while it was away" {
		t.Errorf("got %q", s)
	}
}

func TestStartFrom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	client := b.client()
	long := time.Now().Add(-time.Hour)
	for i, text := range []string{"old", "new"} {
		at := siskin.WithTimestamp(long.Add(time.Duration(i) * 30 * time.Minute))
		if _, err := note.Emit(b.ctx(), client, text, at); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]string{
		"beginning": "old",
		long.Add(time.Minute).UTC().Format(time.RFC3339): "new",
	} {
		b.cfg.Group, b.cfg.StartFrom = siskintest.Name("group"), from
		got := make(chan string, 10)
		svc := b.service()
		note.On(svc, func(_ context.Context, s string) error { got <- s; return nil }, siskin.Ordered())
		b.run(svc)
		if s := receive(t, got); s != want {
			t.Errorf("from %s: got %q, want %q", from, s, want)
		}
	}
}

func TestTwoMembersShareTheWorkAndOneTakesOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Partitions = 4
	who := siskin.NewRPC[int, string](siskintest.Name("who"))
	member := func(name string) func() error {
		svc := b.service()
		who.Handle(svc, func(context.Context, int) (string, error) { return name, nil })
		return b.run(svc)
	}
	stopA := member("a")
	member("b")
	client := b.client()
	seen := map[string]bool{}
	for i := 0; !seen["a"] || !seen["b"]; i++ {
		name, err := who.Send(b.ctx(), client, i)
		if err != nil {
			t.Fatal(err)
		}
		seen[name] = true
	}
	if err := stopA(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if name, err := who.Send(b.ctx(), client, i); name != "b" || err != nil {
			t.Errorf("after a has left: %q, %v", name, err)
		}
	}
}

func TestNamesOnTheWireAreNestJS(t *testing.T) {
	t.Parallel()
	for postfix, want := range map[string]string{"": "orders-server", "none": "orders", "-x": "orders-x"} {
		svc, err := siskin.NewService(siskin.Config{Group: "orders", Postfix: postfix})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, svc.Config().Group); diff != "" {
			t.Error(diff)
		}
	}
}

// A NestJS server waits for the others of its group for 65 seconds, so a service
// beside it must not drain for longer.
func TestProtocolsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg   siskin.Config
		wrong string
	}{
		{siskin.Config{Group: "g", Protocol: "nestjs", Drain: 50 * time.Second}, ""},
		{siskin.Config{Group: "g", Protocol: "classic", Drain: time.Hour}, ""},
		{siskin.Config{Group: "g", Protocol: "nestjs", Drain: 51 * time.Second}, "Drain"},
		{siskin.Config{Group: "g", Protocol: "eager"}, "Protocol"},
	} {
		_, err := siskin.NewService(tt.cfg)
		wrong, _ := errors.AsType[*siskin.ConfigError](err)
		if (err == nil) != (tt.wrong == "") || wrong != nil && wrong.Field != tt.wrong {
			t.Errorf("%v: %v, want a word on %q", tt.cfg, err, tt.wrong)
		}
	}
}
