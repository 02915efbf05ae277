package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// With RetryTopic, a record that fails waits in a retry topic and holds up nothing.
// KeepOrder lets the later records of its key wait behind it, and only those.
func Example_retryTopic() {
	orders := siskin.NewEvent[string](siskintest.Name("orders"))
	p := play()
	defer p.end()

	done := make(chan string)
	svc := p.service()
	orders.On(svc, func(ctx context.Context, step string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		if step == "ana pays" && d.Attempt() < 3 {
			return errors.New("the bank does not answer")
		}
		done <- fmt.Sprint(step, ", attempt ", d.Attempt())
		return nil
	}, siskin.RetryTopic(siskin.Retry{Attempts: 10, Initial: 100 * time.Millisecond, Longest: time.Hour, KeepOrder: true}))
	p.run(svc)

	client, ctx := p.client(), context.Background()
	_, err := orders.EmitBatch(ctx, client, []string{"ana pays", "ana gets a parcel"}, siskin.WithKey("ana"))
	fmt.Println(err)
	_, err = orders.Emit(ctx, client, "bo pays", siskin.WithKey("bo"))
	fmt.Println(err)
	for range 3 {
		fmt.Println(<-done)
	}
	// Output:
	// <nil>
	// <nil>
	// bo pays, attempt 1
	// ana pays, attempt 3
	// ana gets a parcel, attempt 1
}
