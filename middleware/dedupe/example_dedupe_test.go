package dedupe_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/middleware/dedupe"
)

// A caller that tries again keeps its idempotency key. The card is charged once,
// and both calls get the same receipt, whichever instance they come to.
func Example() {
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	defer broker.Close()
	cfg := siskin.Config{Brokers: broker.Addrs(), Group: "payments", Logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())

	store, err := dedupe.NewTopicStore(cfg, "payments.outcomes", dedupe.Bounds{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	if err := store.Ready(ctx); err != nil {
		panic(err)
	}
	once, err := dedupe.New(dedupe.Config{Name: "charge", By: dedupe.ByHeader("idempotency-key"), Store: store})
	if err != nil {
		panic(err)
	}

	charge := siskin.NewRPC[int, string]("charge")
	svc, err := siskin.NewService(cfg)
	if err != nil {
		panic(err)
	}
	receipts := 0
	charge.Handle(svc, func(_ context.Context, cents int) (string, error) {
		receipts++
		return fmt.Sprintf("receipt %d over %d cents", receipts, cents), nil
	}, siskin.WithMiddleware(once))
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	if err := svc.Ready(ctx); err != nil {
		panic(err)
	}

	client, err := siskin.NewClient(cfg)
	if err != nil {
		panic(err)
	}
	for range 2 {
		// With the same key as the record's key, both attempts come to one
		// instance, one after the other.
		receipt, err := charge.Send(ctx, client, 950, siskin.WithHeader("idempotency-key", "order-7"), siskin.WithKey("order-7"))
		if err != nil {
			panic(err)
		}
		fmt.Println(receipt)
	}
	_ = client.Close(ctx)
	cancel()
	<-ended
	// Output:
	// receipt 1 over 950 cents
	// receipt 1 over 950 cents
}
