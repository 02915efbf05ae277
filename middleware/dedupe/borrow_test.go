package dedupe_test

import (
	"context"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// borrow sends a record to a service and returns its delivery, which is valid until
// the test ends: its handler waits so long.
func borrow(t testing.TB, rec kgo.Record, request bool) *siskin.Delivery {
	t.Helper()
	cfg := siskintest.Config(t)
	rec.Topic = siskintest.Name("borrowed")
	lent := make(chan *siskin.Delivery, 1)
	back := make(chan struct{})
	svc := service(t, cfg)
	hold := func(siskin.Handler) siskin.Handler {
		return func(_ context.Context, d *siskin.Delivery, _ func(any) error) error {
			lent <- d
			<-back
			return nil
		}
	}
	siskin.Handle(svc, rec.Topic, func(context.Context, any) (any, error) { return nil, nil }, siskin.WithMiddleware(hold))
	siskintest.Run(t, svc)
	t.Cleanup(func() { close(back) })
	if request {
		createTopic(t, cfg, rec.Topic+".reply", 1)
		rec.Headers = append(rec.Headers,
			header(wire.CorrelationID, "c"), header(wire.ReplyTopic, rec.Topic+".reply"), header(wire.ReplyPartition, "0"))
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(testContext(t), &rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-lent:
		if d.Request() != request {
			t.Fatalf("the delivery is a request: %v", d.Request())
		}
		return d
	case <-testContext(t).Done():
		t.Fatal("the record was not delivered")
		return nil
	}
}

func requestDelivery(t testing.TB) *siskin.Delivery {
	return borrow(t, kgo.Record{Value: []byte("x")}, true)
}

func eventDelivery(t testing.TB) *siskin.Delivery {
	return borrow(t, kgo.Record{Value: []byte("x")}, false)
}

func discard(any) error { return nil }
