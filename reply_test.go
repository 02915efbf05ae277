package siskin_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A handler can give its reply a key and headers, in front of those of the
// protocol, which it cannot set.
func TestAReplyWithKeyAndHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rich := siskin.NewRPC[string, any](siskintest.Name("rich"))
	svc := b.service()
	rich.Handle(svc, func(context.Context, string) (any, error) {
		return siskin.Message{Value: map[string]int{"a": 1}, Options: []siskin.CallOption{
			siskin.WithKey("k"), siskin.WithHeader("color", "red"), siskin.WithHeader(wire.CorrelationID, "mine"),
			siskin.WithPartition(7),
		}}, nil
	})
	b.run(svc)
	if _, err := rich.Send(b.ctx(), b.client(), "x"); err != nil {
		t.Fatal(err)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...), kgo.ConsumeTopics(rich.Pattern()+wire.ReplySuffix),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	fetches := reader.PollFetches(b.ctx())
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	r := fetches.Records()[0]
	var names []string
	for _, h := range r.Headers {
		names = append(names, h.Key)
	}
	if diff := cmp.Diff([]string{"color", wire.CorrelationID, wire.NestDisposed}, names); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if string(r.Key) != "k" || string(r.Value) != `{"a":1}` {
		t.Errorf("key %q, value %q", r.Key, r.Value)
	}
}

// Nobody waits for the result of a request handler that got an event.
func TestAnEventToARequestHandlerIsNoRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("both")
	asked := make(chan bool, 2)
	svc := b.service()
	siskin.Handle(svc, topic, func(ctx context.Context, _ string) (string, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		asked <- d.Request()
		return "", nil
	})
	b.run(svc)
	client := b.client()
	if _, err := client.Emit(b.ctx(), topic, "x"); err != nil {
		t.Fatal(err)
	}
	if receive(t, asked) {
		t.Error("the handler of an event thinks that a caller waits")
	}
	if _, err := siskin.Send[string](b.ctx(), client, topic, "x"); err != nil {
		t.Fatal(err)
	}
	if !receive(t, asked) {
		t.Error("the handler of a request thinks that nobody waits")
	}
}

// A service reads a topic without a handler only when Config.Kafka says so. Its
// callers need not wait for nothing.
func TestARequestWithoutAHandler(t *testing.T) {
	t.Parallel()
	b := setup(t)
	served, other := siskin.NewRPC[any, any](siskintest.Name("served")), siskin.NewRPC[any, any](siskintest.Name("other"))
	client := b.client()
	if err := client.Ready(b.ctx(), served, other); err != nil {
		t.Fatal(err)
	}
	b.cfg.Kafka = []kgo.Opt{kgo.ConsumeTopics(served.Pattern(), other.Pattern())}
	svc := b.service()
	served.Handle(svc, func(context.Context, any) (any, error) { return nil, nil })
	b.run(svc)
	if _, err := other.Send(b.ctx(), client, "x"); siskin.CodeOf(err) != siskin.CodeUnimplemented {
		t.Errorf("got %v, want code unimplemented", err)
	}
}
