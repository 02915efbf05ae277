package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
)

var errBroken = errors.New("the database is away")

func TestConfig(t *testing.T) {
	t.Parallel()
	by, store := dedupe.ByPosition(), memory(t, dedupe.Bounds{})
	for _, tt := range []struct {
		cfg  dedupe.Config
		want string
	}{
		{dedupe.Config{By: by}, ""},
		{dedupe.Config{Name: "n", By: by, Store: store, ReplyBytes: 1, Patience: 1}, ""},
		{dedupe.Config{}, `dedupe.Config.By`},
		{dedupe.Config{By: by, Store: store}, `dedupe.Config.Name`},
		{dedupe.Config{By: by, ReplyBytes: -1}, `dedupe.Config.ReplyBytes "-1"`},
		{dedupe.Config{By: by, ReplyBytes: 512<<10 + 1}, `dedupe.Config.ReplyBytes "524289"`},
		{dedupe.Config{By: by, Patience: -1}, `dedupe.Config.Patience "-1ns"`},
	} {
		_, err := dedupe.New(tt.cfg)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("New(%+v) = %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// always knows all records as one.
func always(*siskin.Delivery) ([]byte, bool) { return []byte("always"), true }

// twice runs a handler for a record and again for its duplicate, and says how often
// it ran and what the duplicate got.
func twice(t *testing.T, d *siskin.Delivery, handler siskin.Handler) (ran int, got []any, err error) {
	t.Helper()
	h := once(t, dedupe.Config{By: always})(func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
		ran++
		return handler(ctx, d, reply)
	})
	_ = h(t.Context(), d, discard)
	err = h(t.Context(), d, func(v any) error { got = append(got, v); return nil })
	return ran, got, err
}

// What is remembered, and what is tried again.
func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	request, event := requestDelivery(t), eventDelivery(t)
	coded := func(code siskin.Code) error { return siskin.Errorf(code, "no") }
	conflict := coded(siskin.CodeConflict)
	for _, tt := range []struct {
		name string
		d    *siskin.Delivery
		err  error
		runs int
	}{
		{"a request that went well", request, nil, 1},
		{"an event that went well", event, nil, 1},
		{"invalid", request, coded(siskin.CodeInvalid), 1},
		{"not found", request, coded(siskin.CodeNotFound), 1},
		{"denied", request, coded(siskin.CodeDenied), 1},
		{"conflict", request, conflict, 1},
		{"unimplemented", request, coded(siskin.CodeUnimplemented), 1},
		{"a wrapped verdict", request, fmt.Errorf("look: %w", conflict), 1},

		{"unavailable can be better next time", request, coded(siskin.CodeUnavailable), 2},
		{"timeout can be better next time", request, coded(siskin.CodeTimeout), 2},
		{"internal can be better next time", request, coded(siskin.CodeInternal), 2},
		{"an unknown code", request, coded(siskin.CodeUnknown), 2},
		{"an error that was not authored", request, errBroken, 2},
		{"a peer's error", request, &siskin.Error{Code: siskin.CodeConflict, Remote: true}, 2},
		{"a decode error", request, &siskin.DecodeError{Err: errBroken}, 2},
		{"a retry of a verdict", request, siskin.RetryAfter(0, conflict), 2},
		{"a dead letter can be sent again", request, siskin.DeadLetter(conflict), 2},
		{"a drop", request, siskin.Drop(conflict), 2},
		{"an event's failure", event, errBroken, 2},
		{"an event's verdict is retried", event, conflict, 2},
		{"an event's drop", event, siskin.Drop(nil), 2},
	} {
		ran, _, err := twice(t, tt.d, func(context.Context, *siskin.Delivery, func(any) error) error { return tt.err })
		if ran != tt.runs {
			t.Errorf("%s: the handler ran %d times, want %d", tt.name, ran, tt.runs)
		}
		if (err == nil) != (tt.err == nil) || siskin.CodeOf(err) != siskin.CodeOf(tt.err) {
			t.Errorf("%s: the duplicate ended with %v, the first one with %v", tt.name, err, tt.err)
		}
	}
}

func TestAPanicIsForgotten(t *testing.T) {
	t.Parallel()
	d, ran := eventDelivery(t), 0
	h := once(t, dedupe.Config{By: always})(func(context.Context, *siskin.Delivery, func(any) error) error {
		ran++
		panic("no")
	})
	for range 2 {
		func() {
			defer func() {
				if recover() != "no" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = h(t.Context(), d, discard)
		}()
	}
	if ran != 2 {
		t.Errorf("the handler ran %d times", ran)
	}
}

func TestWithoutAnIDNothingIsRemembered(t *testing.T) {
	t.Parallel()
	d, ran := eventDelivery(t), 0
	h := once(t, dedupe.Config{By: dedupe.ByKey()})(func(context.Context, *siskin.Delivery, func(any) error) error {
		ran++
		return nil
	})
	_, _ = h(t.Context(), d, discard), h(t.Context(), d, discard)
	if ran != 2 {
		t.Errorf("the handler ran %d times", ran)
	}
}

// A reply that cannot be kept is told about, and the handler does not run again.
func TestRepliesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	request := requestDelivery(t)
	for name, handler := range map[string]siskin.Handler{
		"one": func(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
			return reply(strings.Repeat("x", 256<<10))
		},
		"many": func(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
			for range 5_000 {
				if err := reply("x"); err != nil {
					return err
				}
			}
			return nil
		},
		"an error": func(context.Context, *siskin.Delivery, func(any) error) error {
			return siskin.Errorf(siskin.CodeNotFound, "%s", strings.Repeat("x", 256<<10))
		},
	} {
		ran, got, err := twice(t, request, handler)
		if ran != 1 || len(got) != 0 || siskin.CodeOf(err) != siskin.CodeConflict {
			t.Errorf("%s: it ran %d times, and the duplicate got %d values and %v", name, ran, len(got), err)
		}
	}
	ran, got, err := twice(t, request, func(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
		return reply(strings.Repeat("x", 200<<10))
	})
	if ran != 1 || len(got) != 1 || err != nil {
		t.Errorf("one that is not too large: it ran %d times, and the duplicate got %d values and %v", ran, len(got), err)
	}
}

// A value that cannot be encoded is the handler's error, as without the middleware.
func TestAValueThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	ran, _, err := twice(t, requestDelivery(t), func(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
		return reply(func() {})
	})
	if ran != 2 || err == nil {
		t.Errorf("it ran %d times, %v", ran, err)
	}
}

// The second of two at the same time waits, and shares what the first one got.
func TestTwoAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := requestDelivery(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	ran := 0
	h := once(t, dedupe.Config{By: always})(func(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
		ran++
		close(entered)
		<-leave
		return reply("done")
	})
	var all sync.WaitGroup
	got := make(chan any, 10)
	deliver := func() {
		if err := h(t.Context(), d, func(v any) error { got <- v; return nil }); err != nil {
			t.Error(err)
		}
	}
	all.Go(deliver)
	<-entered
	for range 9 {
		all.Go(deliver)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h(late, d, discard); !errors.Is(err, context.Canceled) {
		t.Errorf("one without time got %v", err)
	}
	close(leave)
	all.Wait()
	close(got)
	n := 0
	for v := range got {
		if diff := cmp.Diff(codec.Encoded("done"), v); diff != "" {
			t.Error(diff)
		}
		n++
	}
	if ran != 1 || n != 10 {
		t.Errorf("the handler ran %d times and %d replies were sent", ran, n)
	}
}

// When the first one fails, one of those who wait is the next; never two at once.
func TestThoseWhoWaitRunWhenTheFirstOneFails(t *testing.T) {
	t.Parallel()
	d := eventDelivery(t)
	var running, ran atomic.Int32
	h := once(t, dedupe.Config{By: always})(func(context.Context, *siskin.Delivery, func(any) error) error {
		if n := running.Add(1); n != 1 {
			t.Errorf("%d run at once", n)
		}
		defer running.Add(-1)
		if ran.Add(1) < 5 {
			return errBroken
		}
		return nil
	})
	var all sync.WaitGroup
	var failed atomic.Int32
	for range 20 {
		all.Go(func() {
			if h(t.Context(), d, discard) != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	if ran.Load() != 5 || failed.Load() != 4 {
		t.Errorf("the handler ran %d times, %d deliveries failed", ran.Load(), failed.Load())
	}
}

// brokenStore fails at one of its two ends.
type brokenStore struct {
	dedupe.Memory
	find, remember error
}

func (b *brokenStore) Find(context.Context, dedupe.ID) (dedupe.Outcome, bool, error) {
	return dedupe.Outcome{}, true, b.find
}

func (b *brokenStore) Remember(ctx context.Context, _ dedupe.ID, _ dedupe.Outcome) error {
	if b.remember == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.remember
}

func TestALookUpThatFails(t *testing.T) {
	t.Parallel()
	h := once(t, dedupe.Config{Name: "n", By: always, Store: &brokenStore{find: errBroken}})(
		func(context.Context, *siskin.Delivery, func(any) error) error { t.Error("the handler ran"); return nil })
	err := h(t.Context(), requestDelivery(t), discard)
	if siskin.CodeOf(err) != siskin.CodeUnavailable || !errors.Is(err, errBroken) || strings.Contains(err.Error(), errBroken.Error()) {
		t.Errorf("got %v", err)
	}
}

// foundNothing finds nothing and remembers nothing.
type foundNothing struct{ brokenStore }

func (*foundNothing) Find(context.Context, dedupe.ID) (dedupe.Outcome, bool, error) {
	return dedupe.Outcome{}, false, nil
}

// An outcome counts although it could not be remembered: its effect is there.
func TestAnOutcomeThatCannotBeRemembered(t *testing.T) {
	t.Parallel()
	d := eventDelivery(t)
	for name, remember := range map[string]error{"an error": errBroken, "no end": nil} {
		var log strings.Builder
		h := once(t, dedupe.Config{
			Name: "orders", By: always, Store: &foundNothing{brokenStore{remember: remember}}, Patience: time.Millisecond,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})(func(context.Context, *siskin.Delivery, func(any) error) error { return nil })
		if err := h(t.Context(), d, discard); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
		for _, want := range []string{"level=ERROR", "dedupe=orders", "topic=" + d.Topic(), "offset=0"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: %q is not in the log: %s", name, want, log.String())
			}
		}
	}
}

// What was remembered is remembered also when its partition is lost meanwhile.
func TestAnOutcomeOfALostPartitionIsRemembered(t *testing.T) {
	t.Parallel()
	d, ran := eventDelivery(t), 0
	ctx, cancel := context.WithCancel(t.Context())
	h := once(t, dedupe.Config{By: always})(func(context.Context, *siskin.Delivery, func(any) error) error {
		ran++
		cancel()
		return nil
	})
	_, _ = h(ctx, d, discard), h(t.Context(), d, discard)
	if ran != 1 {
		t.Errorf("the handler ran %d times", ran)
	}
}

// One middleware around a whole service keeps the handlers of one topic apart, and
// the topics.
func TestHandlersAreKeptApart(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, cfg siskin.Config, store dedupe.Store) {
		one, two := siskin.NewEvent[string](siskintest.Name("one")), siskin.NewEvent[string](siskintest.Name("two"))
		ran := make(chan string, 10)
		svc := service(t, cfg)
		svc.Use(once(t, dedupe.Config{Name: "all", By: dedupe.ByHeader("id"), Store: store}))
		for _, handler := range []struct {
			name string
			of   siskin.Event[string]
		}{{"first", one}, {"second", one}, {"other", two}} {
			handler.of.On(svc, func(context.Context, string) error { ran <- handler.name; return nil })
		}
		siskintest.Run(t, svc)
		client := siskintest.Client(t, cfg)
		id := siskin.WithHeader("id", "7")
		for _, e := range []siskin.Event[string]{one, one, two, two} {
			if _, err := e.Emit(t.Context(), client, "x", id); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range []siskin.Event[string]{one, two} {
			if _, err := e.Emit(t.Context(), client, "last", siskin.WithHeader("id", "8")); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]int{}
		for range 6 {
			got[next(t, ran)]++
		}
		if diff := cmp.Diff(map[string]int{"first": 2, "second": 2, "other": 2}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// With ManualCommit nobody else commits a duplicate: its handler does not see it.
func TestADuplicateWithManualCommitIsCommitted(t *testing.T) {
	t.Parallel()
	cfg := siskintest.Config(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	ran := make(chan string, 10)
	svc := service(t, cfg)
	note.On(svc, func(ctx context.Context, s string) error {
		ran <- s
		d, _ := siskin.DeliveryFrom(ctx)
		return d.Commit(ctx)
	}, siskin.ManualCommit(), siskin.Ordered(), siskin.WithMiddleware(once(t, dedupe.Config{By: dedupe.ByKey()})))
	siskintest.Run(t, svc)
	client := siskintest.Client(t, cfg)
	for i, key := range []string{"a", "a", "b"} {
		if _, err := note.Emit(t.Context(), client, fmt.Sprint(i), siskin.WithKey(key)); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := next(t, ran), next(t, ran); a != "0" || b != "2" {
		t.Errorf("it ran for %s and %s", a, b)
	}
	for { // the last one's commit comes after all others
		p := svc.Info().Partitions
		if len(p) == 1 && p[0].Committed == 3 {
			break
		}
		if testContext(t).Err() != nil {
			t.Fatalf("not committed: %+v", p)
		}
	}
}
