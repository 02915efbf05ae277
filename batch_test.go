package siskin_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/siskin-go/siskin/status"
)

// call is one call of a batch handler.
type call struct {
	values     []string
	deliveries []*siskin.Delivery
}

func (c call) String() string {
	var parts []string
	for i, d := range c.deliveries {
		parts = append(parts, fmt.Sprintf("%s%d", c.values[i], d.Attempt()))
	}
	return strings.Join(parts, " ")
}

// batching is a topic with a batch handler that a test looks at.
type batching struct {
	*bundle
	topic siskin.Event[string]
	svc   *siskin.Service
	stop  func() error
	calls chan call
}

// batch runs a service whose batches begin only when they are full, unless opts say
// something else.
func (b *bundle) batch(size int, fn func(context.Context, []string) error, opts ...siskin.HandlerOption) *batching {
	b.t.Helper()
	bb := &batching{bundle: b, topic: siskin.NewEvent[string](siskintest.Name("batch")), calls: make(chan call, 100)}
	bb.serve(size, fn, opts...)
	return bb
}

func (b *batching) serve(size int, fn func(context.Context, []string) error, opts ...siskin.HandlerOption) {
	b.t.Helper()
	b.svc = b.service()
	opts = append([]siskin.HandlerOption{siskin.BatchSize(size), siskin.BatchWait(30 * time.Second)}, opts...)
	b.topic.OnBatch(b.svc, func(ctx context.Context, values []string) error {
		b.calls <- call{slices.Clone(values), siskin.DeliveriesFrom(ctx)}
		return fn(ctx, values)
	}, opts...)
	b.stop = b.run(b.svc)
}

// sorted is what n calls got, in the order of their texts.
func (b *batching) sorted(n int) []string {
	b.t.Helper()
	var all []string
	for range n {
		all = append(all, receive(b.t, b.calls).String())
	}
	slices.Sort(all)
	return all
}

// passed waits until the service has committed an offset.
func (b *batching) passed(next int64) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("a commit of %d", next), func() bool {
		for _, p := range b.svc.Info().Partitions {
			if p.Topic == b.topic.Pattern() && p.Committed >= next {
				return true
			}
		}
		return false
	})
}

func fine(context.Context, []string) error { return nil }

func TestABatchHasItsRecordsInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t).batch(4, fine)
	values := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	emit(t, b.bundle, b.client(), b.topic, "key", values...)
	for i := range 2 {
		got := receive(t, b.calls)
		if want := values[4*i : 4*i+4]; !slices.Equal(got.values, want) {
			t.Errorf("batch %d has %v, want %v", i, got.values, want)
		}
		for j, d := range got.deliveries {
			if d.Topic() != b.topic.Pattern() || d.Offset() != int64(4*i+j) || string(d.Key()) != "key" || d.Attempt() != 1 {
				t.Errorf("delivery %d of batch %d is %s@%d, key %q, attempt %d", j, i, d.Topic(), d.Offset(), d.Key(), d.Attempt())
			}
		}
	}
	b.passed(8)
}

func TestABatchThatIsNotFullBeginsAfterItsWait(t *testing.T) {
	t.Parallel()
	b := setup(t).batch(100, fine, siskin.BatchWait(50*time.Millisecond))
	emit(t, b.bundle, b.client(), b.topic, "", "a")
	if got := receive(t, b.calls); got.String() != "a1" {
		t.Errorf("the batch has %v", got)
	}
	b.passed(1)
}

// A batch that waits is let go at once when the service stops; one that runs may
// finish.
func TestStoppingWithBatches(t *testing.T) {
	t.Parallel()
	bundle := setup(t)
	bundle.cfg.Drain = time.Hour
	hold := make(chan struct{})
	b := bundle.batch(2, func(context.Context, []string) error { <-hold; return nil })
	emit(t, b.bundle, b.client(), b.topic, "", "a", "b", "c")
	receive(t, b.calls)
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	eventually(t, "the stop", func() bool { return b.svc.Info().State == status.Stopping })
	close(hold)
	if err := receive(t, stopped); err != nil {
		t.Error(err)
	}
	if at := b.committed(b.svc, b.topic.Pattern()); at != 2 {
		t.Errorf("committed %d, want 2: the batch that ran", at)
	}
	b.serve(1, fine)
	if got := receive(t, b.calls); got.String() != "c1" {
		t.Errorf("the next owner gets %v", got)
	}
}

// What a batch that is cut off has to say does not count.
func TestABatchThatIsCutOff(t *testing.T) {
	t.Parallel()
	bundle := setup(t)
	bundle.cfg.Drain = time.Hour
	b := bundle.batch(2, func(ctx context.Context, _ []string) error { <-ctx.Done(); return nil })
	emit(t, b.bundle, b.client(), b.topic, "", "a", "b")
	receive(t, b.calls)
	b.svc.Abort()
	if err := b.stop(); err == nil || !strings.Contains(err.Error(), "delivered again") {
		t.Errorf("Run = %v", err)
	}
	b.serve(2, fine)
	if got := receive(t, b.calls); got.String() != "a1 b1" {
		t.Errorf("the next owner gets %v", got)
	}
}

func TestManualCommitOfABatch(t *testing.T) {
	t.Parallel()
	b := setup(t).batch(3, fine, siskin.ManualCommit())
	emit(t, b.bundle, b.client(), b.topic, "", "a", "b", "c")
	got := receive(t, b.calls)
	waitFor(t, b.watch, 3, func(e events.Handled) bool { return e.Outcome == "done" })
	if err := got.deliveries[0].Commit(b.ctx()); err != nil {
		t.Fatal(err)
	}
	if at := b.committed(b.svc, b.topic.Pattern()); at != 1 {
		t.Errorf("committed %d, want 1", at)
	}
	if err := b.svc.CommitOffsets(b.ctx(), events.Position{Topic: b.topic.Pattern(), Offset: 3}); err != nil {
		t.Fatal(err)
	}
	if at := b.committed(b.svc, b.topic.Pattern()); at != 3 {
		t.Errorf("committed %d, want 3", at)
	}
}

func TestConcurrencyOfABatchHandler(t *testing.T) {
	t.Parallel()
	hold, two := make(chan struct{}), make(chan struct{}, 9)
	var mu sync.Mutex
	running, most := 0, 0
	b := setup(t).batch(2, func(context.Context, []string) error {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		two <- struct{}{}
		<-hold
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	}, siskin.WithConcurrency(2))
	emit(t, b.bundle, b.client(), b.topic, "", make([]string, 10)...)
	receive(t, two)
	receive(t, two)
	close(hold)
	b.passed(10)
	if most != 2 {
		t.Errorf("%d batches ran at once, want 2", most)
	}
}

// When the memory of a partition is full, no more records come to its batch.
func TestABatchThatMemoryDoesNotLetGrow(t *testing.T) {
	t.Parallel()
	bundle := setup(t)
	bundle.cfg.QueueBytes = 1_024
	b := bundle.batch(100, fine)
	emit(t, b.bundle, b.client(), b.topic, "", strings.Repeat("x", 2_000))
	receive(t, b.calls)
	b.passed(1)
}

// A batch has no single delivery, and other handlers have no batch.
func TestDeliveriesOfAnotherKind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, many := siskin.NewEvent[string](siskintest.Name("one")), siskin.NewEvent[string](siskintest.Name("many"))
	got := make(chan string, 2)
	svc := b.service()
	tell := func(ctx context.Context) {
		_, ok := siskin.DeliveryFrom(ctx)
		got <- fmt.Sprint(ok, " ", len(siskin.DeliveriesFrom(ctx)))
	}
	one.On(svc, func(ctx context.Context, _ string) error { tell(ctx); return nil })
	many.OnBatch(svc, func(ctx context.Context, _ []string) error { tell(ctx); return nil }, siskin.BatchSize(1))
	b.run(svc)
	client := b.client()
	emit(t, b, client, one, "", "x")
	if s := receive(t, got); s != "true 0" {
		t.Errorf("one record: %s", s)
	}
	emit(t, b, client, many, "", "x")
	if s := receive(t, got); s != "false 1" {
		t.Errorf("a batch: %s", s)
	}
}

func TestMistakesInRegisteringBatches(t *testing.T) {
	t.Parallel()
	on := func(context.Context, string) error { return nil }
	for _, test := range []struct {
		name     string
		register func(*siskin.Service)
		want     string
	}{
		{"two batch handlers", func(s *siskin.Service) {
			siskin.OnBatch(s, "t", fine)
			siskin.OnBatch(s, "t", fine)
		}, "already has a batch handler"},
		{"a handler beside a batch handler", func(s *siskin.Service) {
			siskin.OnBatch(s, "t", fine)
			siskin.On(s, "t", on)
		}, "already has a batch handler"},
		{"a batch handler beside a handler", func(s *siskin.Service) {
			siskin.On(s, "t", on)
			siskin.OnBatch(s, "t", fine)
		}, "a batch handler takes all records"},
		{"a batch handler beside one of requests", func(s *siskin.Service) {
			siskin.Handle(s, "t", upper)
			siskin.OnBatch(s, "t", fine)
		}, "already has a request handler"},
		{"one of requests beside a batch handler", func(s *siskin.Service) {
			siskin.OnBatch(s, "t", fine)
			siskin.Handle(s, "t", upper)
		}, "already has an event handler"},
		{"middleware of the service", func(s *siskin.Service) {
			siskin.OnBatch(s, "t", fine)
			s.Use(func(next siskin.Handler) siskin.Handler { return next })
		}, "cannot wrap a batch"},
		{"middleware of a scope", func(s *siskin.Service) {
			siskin.OnBatch(s.Scope(siskin.WithMiddleware(func(next siskin.Handler) siskin.Handler { return next })), "t", fine)
		}, "cannot wrap a batch"},
		{"order in a retry topic", func(s *siskin.Service) {
			siskin.OnBatch(s, "t", fine, siskin.RetryTopic(siskin.Retry{KeepOrder: true}))
		}, "cannot have Retry.KeepOrder"},
		{"too large", func(s *siskin.Service) { siskin.OnBatch(s, "t", fine, siskin.BatchSize(10_001)) }, "Config.QueueLimit is 10000"},
		{"too long", func(s *siskin.Service) { siskin.OnBatch(s, "t", fine, siskin.BatchWait(time.Minute)) }, "Config.StuckAfter is 1m0s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			svc, err := siskin.NewService(siskin.Config{Group: "g", Brokers: []string{"127.0.0.1:1"}})
			if err != nil {
				t.Fatal(err)
			}
			test.register(svc)
			err = svc.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "batch_test.go:") {
				t.Errorf("Run = %v, want %q with file and line", err, test.want)
			}
		})
	}
}
