package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// An event has no reply. Emit returns when the broker has stored it. Several
// handlers of one topic run in turn. Ordered makes the records wait for each
// other too; without it, only those with one key do.
func Example_event() {
	type placed struct {
		ID    string
		Total float64
	}
	orders := siskin.NewEvent[placed](siskintest.Name("orders"))
	p := play()
	defer p.end()

	seen := make(chan string)
	svc := p.service()
	orders.On(svc, func(_ context.Context, o placed) error { seen <- "mail for " + o.ID; return nil }, siskin.Ordered())
	orders.On(svc, func(_ context.Context, o placed) error { seen <- "invoice for " + o.ID; return nil })
	p.run(svc)

	client := p.client()
	meta, err := orders.Emit(context.Background(), client, placed{"a1", 9.5}, siskin.WithKey("a1"))
	fmt.Println("offset", meta.Offset, err)
	fmt.Println(<-seen)
	fmt.Println(<-seen)

	metas, err := orders.EmitBatch(context.Background(), client, []placed{{"b2", 1}, {"c3", 2}})
	fmt.Println("batch of", len(metas), err)
	for range 4 {
		fmt.Println(<-seen)
	}
	// Output:
	// offset 0 <nil>
	// mail for a1
	// invoice for a1
	// batch of 2 <nil>
	// mail for b2
	// invoice for b2
	// mail for c3
	// invoice for c3
}
