package known_test

import (
	"context"
	"errors"
	"testing"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/known"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup returns topics on a broker, whose ensure is a test's.
func setup(t *testing.T, ensure func(context.Context, string) error) *known.Topics {
	t.Helper()
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	topics := known.New(client, ensure, func(topic string) string { return topic + ".reply" })
	t.Cleanup(func() {
		topics.Close()
		client.Close()
		topics.Wait()
		_ = broker.Close()
	})
	return topics
}

// One question is asked for all who wait, and who gives up harms nobody.
func TestATopicIsAskedForOnce(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan string, 9), make(chan error)
	topics := setup(t, func(_ context.Context, topic string) error { asked <- topic; return <-answer })
	first := make(chan error, 1)
	go func() { first <- topics.Check(t.Context(), "a") }()
	if topic := <-asked; topic != "a" {
		t.Errorf("asked for %q", topic)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := topics.Check(gone, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up gets %v", err)
	}
	if _, ok := topics.Reply("a"); ok {
		t.Error("the topic is known before the answer")
	}
	answer <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := topics.Check(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if reply, ok := topics.Reply("a"); reply != "a.reply" || !ok {
		t.Errorf("Reply = %q, %v", reply, ok)
	}
	if len(asked) > 0 {
		t.Error("asked again")
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	t.Parallel()
	want, n := errors.New("no such topic"), 0
	topics := setup(t, func(context.Context, string) error {
		if n++; n == 1 {
			return want
		}
		return nil
	})
	if err := topics.Check(t.Context(), "a"); !errors.Is(err, want) {
		t.Errorf("Check = %v, want %v", err, want)
	}
	if err := topics.Check(t.Context(), "a"); err != nil {
		t.Errorf("the second Check = %v", err)
	}
}

// Only a topic that was made anew is forgotten.
func TestATopicThatWasMadeAnewIsForgotten(t *testing.T) {
	t.Parallel()
	topics := setup(t, func(context.Context, string) error { return nil })
	if err := topics.Check(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	topics.Failed("a", nil)
	topics.Failed("a", kerr.NotLeaderForPartition)
	if _, ok := topics.Reply("a"); !ok {
		t.Error("forgotten after any failure")
	}
	topics.Failed("a", kerr.UnknownTopicID)
	if _, ok := topics.Reply("a"); ok {
		t.Error("not forgotten")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	topics := setup(t, func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
	waiting := make(chan error, 1)
	go func() { waiting <- topics.Check(context.Background(), "a") }()
	topics.Close()
	if err := <-waiting; !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
		t.Errorf("who waits gets %v", err)
	}
	if err := topics.Check(t.Context(), "b"); !errors.Is(err, kgo.ErrClientClosed) || !topics.Closed() {
		t.Errorf("Check = %v after Close", err)
	}
}
