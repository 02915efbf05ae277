package siskin_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestACallThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nobody := siskin.NewRPC[string, string](siskintest.Name("nobody"))
	client := b.client()
	if err := client.Ready(b.ctx(), nobody); err != nil { // a broker that has just started can need a second for the topics
		t.Fatal(err)
	}
	_, err := nobody.Send(b.ctx(), client, "x", siskin.WithTimeout(3*time.Second))
	if !errors.Is(err, siskin.ErrNoReply) || !errors.Is(err, context.DeadlineExceeded) || siskin.CodeOf(err) != siskin.CodeTimeout {
		t.Errorf("got %v", err)
	}
	call, ok := errors.AsType[*siskin.CallError](err)
	if !ok || call.Pattern != nobody.Pattern() || call.CorrelationID == "" {
		t.Errorf("got %+v", call)
	}
}

func TestACallerThatGivesUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nobody := siskin.NewRPC[string, string](siskintest.Name("nobody"))
	client := b.client()
	if err := client.Ready(b.ctx(), nobody); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx())
	cancel()
	if _, err := nobody.Send(ctx, client, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestClosingFailsPendingCallsByName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow, entered, release, _ := b.slow()
	client := b.client()
	failed := make(chan error, 1)
	go func() {
		_, err := slow.Send(b.ctx(), client, "x")
		failed <- err
	}()
	receive(t, entered)
	if err := client.Close(b.ctx()); err != nil {
		t.Error(err)
	}
	if err := receive(t, failed); !errors.Is(err, siskin.ErrClosed) {
		t.Errorf("the pending call got %v", err)
	}
	close(release)
	if _, err := slow.Send(b.ctx(), client, "x"); !errors.Is(err, siskin.ErrClosed) {
		t.Errorf("a later call got %v", err)
	}
	if _, err := client.Emit(b.ctx(), slow.Pattern(), "x"); !errors.Is(err, siskin.ErrClosed) {
		t.Errorf("a later event got %v", err)
	}
	if err := client.Ready(b.ctx(), slow); !errors.Is(err, siskin.ErrClosed) {
		t.Errorf("a later Ready got %v", err)
	}
}

func TestTooManyPendingCalls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.MaxPending = 1
	slow, entered, release, _ := b.slow()
	client := b.client()
	answered := make(chan error, 1)
	go func() {
		_, err := slow.Send(b.ctx(), client, "x")
		answered <- err
	}()
	receive(t, entered)
	if _, err := slow.Send(b.ctx(), client, "y"); !errors.Is(err, siskin.ErrOverloaded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := receive(t, answered); err != nil {
		t.Errorf("the first call got %v", err)
	}
}

func TestAClientThatOnlyEmitsOpensNoConsumer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.client().Emit(b.ctx(), siskintest.Name("note"), "x"); err != nil {
		t.Fatal(err)
	}
	if n := count(b.watch, func(events.RouteOpened) bool { return true }); n != 0 {
		t.Errorf("%d reply routes", n)
	}
}

func TestMissingTopicsUnderVerify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Topics = "verify"
	up, note := siskintest.Name("up"), siskintest.Name("note")
	svc := b.service()
	siskin.Handle(svc, up, upper)
	siskin.On(svc, note, func(context.Context, string) error { return nil })
	err := svc.Run(b.ctx())
	if !errors.Is(err, siskin.ErrMissingTopics) {
		t.Fatalf("the service ended with %v", err)
	}
	for _, name := range []string{up, note, note + "-dlt", "Config.Topics"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	if _, err := siskin.Send[string](b.ctx(), b.client(), up, "x"); !errors.Is(err, siskin.ErrMissingTopics) {
		t.Errorf("the client got %v", err)
	}
}

func TestWaitingForTopics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("up")
	creator := b.client()
	b.cfg.Topics = "wait"
	svc := b.service()
	siskin.Handle(svc, topic, upper)
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(b.ctx())
	go func() { ended <- svc.Run(ctx) }()
	missing := wait(t, b.watch, func(events.TopicsMissing) bool { return true })
	if len(missing.Topics) != 1 || missing.Topics[0] != topic {
		t.Errorf("missing %v", missing.Topics)
	}
	if err := creator.Ready(b.ctx(), siskin.NewEvent[string](topic)); err != nil {
		t.Fatal(err)
	}
	if err := svc.Ready(b.ctx()); err != nil {
		t.Fatal(err)
	}
	same2(t, b, creator, topic)
	stop()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}

func same2(t *testing.T, b *bundle, client *siskin.Client, topic string) {
	t.Helper()
	if got, err := siskin.Send[string](b.ctx(), client, topic, "x"); got != "X" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func anyAway(events.BrokerAway) bool { return true }

// freeAddress is a port that nobody listens on, at least just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestABrokerThatComesLateAndGoesAndComesBack(t *testing.T) {
	t.Parallel()
	w := &watch{seen: make(chan struct{}, 1)}
	addr := freeAddress(t)
	b := &bundle{t: t, watch: w, cfg: siskin.Config{
		Brokers: []string{addr}, Group: "g", Logger: siskintest.Quiet(), Observe: w.observe, Partitions: 2,
	}}
	up := siskin.NewRPC[string, string]("up")
	svc := b.service()
	up.Handle(svc, upper)
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(b.ctx())
	go func() { ended <- svc.Run(ctx) }()
	client := b.client()

	wait(t, w, func(e events.BrokerAway) bool { return strings.Contains(e.Message(), "is it running") })
	if _, err := up.Send(b.ctx(), client, "x", siskin.WithTimeout(200*time.Millisecond)); !errors.Is(err, siskin.ErrUnavailable) {
		t.Errorf("a call without a broker: %v", err)
	}
	dir := t.TempDir()
	start := func() *devbroker.Broker {
		broker, err := devbroker.Start(devbroker.Config{Listen: addr, ExactPort: true, DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return broker
	}
	broker := start()
	wait(t, w, func(events.BrokerBack) bool { return true })
	if err := svc.Ready(b.ctx()); err != nil {
		t.Fatal(err)
	}
	same2(t, b, client, "up")

	before := count(w, anyAway)
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, w, before+2, anyAway) // both sides
	broker = start()
	t.Cleanup(func() { broker.Close() })
	same2(t, b, client, "up")
	same2(t, b, client, "up")
	stop()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
}

func TestTopicsThatAreDeletedAndMadeAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	up := siskin.NewRPC[string, string](siskintest.Name("up"))
	svc := b.service()
	up.Handle(svc, upper)
	b.run(svc)
	client := b.client()
	same2(t, b, client, up.Pattern())
	admin := kadm.NewClient(rawClient(t, b))
	for _, topic := range []string{up.Pattern(), up.Pattern() + ".reply"} {
		if _, err := admin.DeleteTopic(b.ctx(), topic); err != nil {
			t.Fatal(err)
		}
		for { // a real broker deletes in the background
			if _, err := admin.CreateTopic(b.ctx(), 1, -1, nil, topic); err == nil {
				break
			} else if !errors.Is(err, kerr.TopicAlreadyExists) {
				t.Fatal(err)
			}
		}
	}
	for { // calls fail by name until both sides have found the new topics
		got, err := up.Send(b.ctx(), client, "x", siskin.WithTimeout(2*time.Second))
		if err == nil && got == "X" {
			return
		}
		if b.t.Context().Err() != nil || siskin.CodeOf(err) == "" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}
