package siskin_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAnEventReachesEachHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 10)
	svc := b.service()
	note.On(svc, func(_ context.Context, s string) error { got <- "first " + s; return nil })
	note.On(svc, func(_ context.Context, s string) error { got <- "second " + s; return nil })
	b.run(svc)
	before := time.Now().Add(-time.Second)
	meta, err := note.Emit(b.ctx(), b.client(), "hello", siskin.WithKey([]byte("k")))
	if err != nil {
		t.Fatal(err)
	}
	if meta.Topic != note.Pattern() || meta.Partition != 0 || meta.Offset != 0 || meta.Timestamp.Before(before) {
		t.Errorf("metadata %+v", meta)
	}
	if a, b := receive(t, got), receive(t, got); a != "first hello" || b != "second hello" {
		t.Errorf("got %q, %q", a, b)
	}
}

func TestEmitBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[int](siskintest.Name("note"))
	got := make(chan int, 10)
	svc := b.service()
	note.On(svc, func(_ context.Context, n int) error { got <- n; return nil }, siskin.Ordered())
	b.run(svc)
	client := b.client()
	metas, err := note.EmitBatch(b.ctx(), client, []int{1, 2, 3})
	if err != nil || len(metas) != 3 || metas[2].Offset != 2 {
		t.Fatalf("got %+v, %v", metas, err)
	}
	for want := 1; want <= 3; want++ {
		if n := receive(t, got); n != want {
			t.Errorf("got %d, want %d", n, want)
		}
	}
	if metas, err := note.EmitBatch(b.ctx(), client, nil); len(metas) != 0 || err != nil {
		t.Errorf("an empty batch: %v, %v", metas, err)
	}
	metas, err = client.EmitBatch(b.ctx(), note.Pattern(), []siskin.Message{{Value: 4}, {Value: make([]byte, 2<<20)}})
	if err == nil || !strings.Contains(err.Error(), "message 1") || metas[0].Offset != 3 || metas[1].Offset != -1 {
		t.Errorf("a batch with a record too large: %+v, %v", metas, err)
	}
}

func TestAnEventIsRetriedAndThenBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.RetryAttempts = 3
	note := siskin.NewEvent[string](siskintest.Name("note"))
	attempts := make(chan int, 10)
	svc := b.service()
	note.On(svc, func(ctx context.Context, s string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		attempts <- d.Attempt()
		if s == "good" {
			return nil
		}
		return fmt.Errorf("cannot print %q", s)
	}, siskin.Ordered())
	b.run(svc)
	client := b.client()
	bad, err := note.Emit(b.ctx(), client, "bad", siskin.WithKey("k"), siskin.WithHeader("color", "red"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Emit(b.ctx(), client, "good"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 2, 3, 1} {
		if n := receive(t, attempts); n != want {
			t.Errorf("attempt %d, want %d", n, want)
		}
	}
	letter := firstRecord(t, b, note.Pattern()+"-dlt")
	if string(letter.Key) != "k" || string(letter.Value) != "bad" {
		t.Errorf("dead letter %q = %q", letter.Key, letter.Value)
	}
	var names []string
	for _, h := range letter.Headers {
		names = append(names, h.Key)
	}
	want := []string{
		"color", "kafka_dlt-original-topic", "kafka_dlt-original-partition", "kafka_dlt-original-offset",
		"kafka_dlt-original-timestamp", "kafka_dlt-original-timestamp-type", "kafka_dlt-original-consumer-group",
		"kafka_dlt-exception-fqcn", "kafka_dlt-exception-message", "siskin-dlt-handler", "siskin-dlt-attempts",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if n := binary.BigEndian.Uint64(letter.Headers[3].Value); int64(n) != bad.Offset {
		t.Errorf("original offset %d, want %d", n, bad.Offset)
	}
	if text := string(letter.Headers[8].Value); text != `cannot print "bad"` {
		t.Errorf("error message %q", text)
	}
	if handler, attempts := text(letter, "siskin-dlt-handler"), text(letter, "siskin-dlt-attempts"); handler != note.Pattern() || attempts != "3" {
		t.Errorf("handler %q, attempts %q", handler, attempts)
	}
	wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "dead-lettered" && e.Attempts == 3 })
}

// firstRecord reads the first record of a topic as any Kafka client would.
func firstRecord(t *testing.T, b *bundle, topic string) *kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(b.ctx())
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		if records := fetches.Records(); len(records) > 0 {
			return records[0]
		}
	}
}

func TestTheErrorSaysWhatHappensNext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail     func(attempt int) error
		outcome  string
		attempts int
	}{
		"drop":         {func(int) error { return siskin.Drop(errors.New("old")) }, "dropped", 1},
		"drop nothing": {func(int) error { return siskin.Drop(nil) }, "dropped", 1},
		"dead letter":  {func(int) error { return siskin.DeadLetter(errors.New("poison")) }, "dead-lettered", 1},
		"invalid":      {func(int) error { return siskin.Errorf(siskin.CodeInvalid, "wrong") }, "dead-lettered", 1},
		"retry": {func(attempt int) error {
			if attempt < 3 {
				return siskin.RetryAfter(time.Millisecond, errors.New("busy"))
			}
			return nil
		}, "done", 3},
		"retry for ever": {func(int) error { return siskin.RetryAfter(-1, nil) }, "dead-lettered", 5},
		"panic":          {func(int) error { panic("oh") }, "dead-lettered", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			note := siskin.NewEvent[string](siskintest.Name("note"))
			svc := b.service()
			note.On(svc, func(ctx context.Context, _ string) error {
				d, _ := siskin.DeliveryFrom(ctx)
				return test.fail(d.Attempt())
			})
			b.run(svc)
			if _, err := note.Emit(b.ctx(), b.client(), "x"); err != nil {
				t.Fatal(err)
			}
			e := wait(t, b.watch, func(events.Handled) bool { return true })
			if e.Outcome != test.outcome || e.Attempts != test.attempts {
				t.Errorf("%s after %d attempts, want %s after %d", e.Outcome, e.Attempts, test.outcome, test.attempts)
			}
		})
	}
}

func TestARecordThatCannotBeDecodedStopsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[order](siskintest.Name("note"))
	got := make(chan order, 1)
	svc := b.service()
	note.On(svc, func(_ context.Context, o order) error { got <- o; return nil })
	b.run(svc)
	client := b.client()
	for _, poison := range []any{"no JSON", []byte{0, 1, 2}, `{"value":"text"}`, ""} {
		if _, err := client.Emit(b.ctx(), note.Pattern(), poison); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := note.Emit(b.ctx(), client, order{Value: 5}); err != nil {
		t.Fatal(err)
	}
	if o := receive(t, got); o.Value != 5 {
		t.Errorf("got %+v", o)
	}
	waitFor(t, b.watch, 4, func(e events.Handled) bool { return e.Outcome == "dead-lettered" && e.Attempts == 1 })
}

func TestEachEventHandlerIsRetriedByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	ran := make(chan string, 20)
	svc := b.service()
	note.On(svc, func(context.Context, string) error { ran <- "good"; return nil })
	note.On(svc, func(context.Context, string) error { ran <- "bad"; return errors.New("no") })
	note.On(svc, func(context.Context, string) error { ran <- "last"; return nil })
	b.run(svc)
	if _, err := note.Emit(b.ctx(), b.client(), "x"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"good", "bad", "bad", "bad", "bad", "bad", "last"} {
		if got := receive(t, ran); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAnEventToARequestHandlerAndTheReverse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ran := make(chan string, 2)
	ask, tell := siskintest.Name("ask"), siskintest.Name("tell")
	svc := b.service()
	siskin.Handle(svc, ask, func(_ context.Context, s string) (string, error) { ran <- "ask " + s; return s, nil })
	siskin.On(svc, tell, func(_ context.Context, s string) error { ran <- "tell " + s; return nil })
	b.run(svc)
	client := b.client()
	if _, err := client.Emit(b.ctx(), ask, "event"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, ran); got != "ask event" {
		t.Errorf("got %q", got)
	}
	_, err := siskin.Send[string](b.ctx(), client, tell, "request", siskin.WithTimeout(500*time.Millisecond))
	if !errors.Is(err, siskin.ErrNoReply) {
		t.Errorf("a request to an event handler: %v", err)
	}
	if got := receive(t, ran); got != "tell request" {
		t.Errorf("got %q", got)
	}
}
