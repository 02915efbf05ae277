package siskin_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// emit sends texts with one key; "" is none.
func emit(t *testing.T, b *bundle, client *siskin.Client, topic siskin.Event[string], key string, texts ...string) {
	t.Helper()
	var opts []siskin.CallOption
	if key != "" {
		opts = append(opts, siskin.WithKey(key))
	}
	if _, err := topic.EmitBatch(b.ctx(), client, texts, opts...); err != nil {
		t.Fatal(err)
	}
}

// Which records run while the first one of the key "a" is held.
func TestOrderOfRecords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		opts []siskin.HandlerOption
		pass []string // run at once
	}{
		{"by key", nil, []string{"b1", "b2", "free"}},
		{"unordered", []siskin.HandlerOption{siskin.Unordered()}, []string{"a2", "b1", "b2", "free"}},
		{"ordered", []siskin.HandlerOption{siskin.Ordered()}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			note := siskin.NewEvent[string](siskintest.Name("note"))
			ran, hold := make(chan string, 10), make(chan struct{})
			svc := b.service()
			note.On(svc, func(_ context.Context, s string) error {
				if s == "a1" {
					<-hold
				}
				ran <- s
				return nil
			}, test.opts...)
			b.run(svc)
			client := b.client()
			emit(t, b, client, note, "a", "a1", "a2")
			emit(t, b, client, note, "b", "b1", "b2")
			emit(t, b, client, note, "", "free")
			var passed []string
			for range test.pass {
				passed = append(passed, receive(t, ran))
			}
			slices.Sort(passed)
			if !slices.Equal(passed, test.pass) {
				t.Errorf("%v run at once, want %v", passed, test.pass)
			}
			if len(ran) > 0 {
				t.Errorf("%s runs too", <-ran)
			}
			close(hold)
			var rest []string
			for range 5 - len(test.pass) {
				rest = append(rest, receive(t, ran))
			}
			if test.opts == nil && !slices.Equal(rest, []string{"a1", "a2"}) {
				t.Errorf("then %v, want a1 and a2", rest)
			}
			if test.name == "ordered" && !slices.Equal(rest, []string{"a1", "a2", "b1", "b2", "free"}) {
				t.Errorf("then %v, want the order of the topic", rest)
			}
		})
	}
}

// The key of a record that is retried waits; others flow: the record succeeds only
// when one of another key has run.
func TestARetryHoldsUpOnlyItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.RetryAttempts = 1000
	note := siskin.NewEvent[string](siskintest.Name("note"))
	ran, otherRan := make(chan string, 1002), make(chan struct{})
	svc := b.service()
	note.On(svc, func(_ context.Context, s string) error {
		ran <- s
		switch s {
		case "other":
			close(otherRan)
		case "bad":
			select {
			case <-otherRan:
			default:
				return siskin.RetryAfter(10*time.Millisecond, errors.New("not yet"))
			}
		}
		return nil
	})
	b.run(svc)
	client := b.client()
	emit(t, b, client, note, "a", "bad", "behind")
	emit(t, b, client, note, "b", "other")
	got := []string{receive(t, ran)}
	for got[len(got)-1] != "behind" {
		got = append(got, receive(t, ran))
	}
	if !slices.Contains(got, "other") || got[len(got)-2] != "bad" {
		t.Errorf("ran %v, want the other key beside the attempts", got)
	}
}

func TestConcurrencyOfAHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	var mu sync.Mutex
	var once sync.Once
	running, most := 0, 0
	full, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 20)
	svc := b.service()
	note.On(svc, func(context.Context, string) error {
		mu.Lock()
		running++
		most = max(most, running)
		if running == 3 {
			once.Do(func() { close(full) })
		}
		mu.Unlock()
		<-release
		mu.Lock()
		running--
		mu.Unlock()
		done <- struct{}{}
		return nil
	}, siskin.WithConcurrency(3))
	b.run(svc)
	emit(t, b, b.client(), note, "", slices.Repeat([]string{"x"}, 12)...)
	receive(t, full)
	close(release)
	for range 12 {
		receive(t, done)
	}
	if most != 3 {
		t.Errorf("%d handlers ran at once, want 3", most)
	}
}

// A topic whose handlers all hang holds up no other, nor the heartbeats.
func TestAHangingTopicHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Concurrency, b.cfg.QueueLimit, b.cfg.UncommittedLimit = 4, 8, 16
	stuck, flows := siskin.NewEvent[string](siskintest.Name("stuck")), siskin.NewEvent[string](siskintest.Name("flows"))
	hold, got := make(chan struct{}), make(chan string, 200)
	svc := b.service()
	stuck.On(svc, func(context.Context, string) error { <-hold; return nil })
	flows.On(svc, func(_ context.Context, s string) error { got <- s; return nil })
	b.run(svc)
	client := b.client()
	emit(t, b, client, stuck, "", slices.Repeat([]string{"x"}, 100)...)
	emit(t, b, client, flows, "", slices.Repeat([]string{"y"}, 100)...)
	for range 100 {
		receive(t, got)
	}
	close(hold)
	waitFor(t, b.watch, 200, func(e events.Handled) bool { return e.Outcome == "done" })
}
