package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Records with one key run in order, others at once. Ordered makes the whole
// partition wait for each record, Unordered nothing; WithConcurrency bounds how
// many run.
func Example_order() {
	steps := siskin.NewEvent[string](siskintest.Name("steps"))
	p := play()
	defer p.end()

	seen, ana := make(chan string), make(chan struct{})
	svc := p.service()
	steps.On(svc, func(_ context.Context, step string) error {
		if step == "ana packs" {
			<-ana // takes its time
		}
		seen <- step
		return nil
	}, siskin.WithConcurrency(100))
	p.run(svc)

	client, ctx := p.client(), context.Background()
	_, err := steps.EmitBatch(ctx, client, []string{"ana packs", "ana leaves"}, siskin.WithKey("ana"))
	fmt.Println(err)
	_, err = steps.EmitBatch(ctx, client, []string{"bo packs", "bo leaves"}, siskin.WithKey("bo"))
	fmt.Println(err)
	fmt.Println(<-seen) // Bo does not wait for Ana
	fmt.Println(<-seen)
	close(ana)
	fmt.Println(<-seen)
	fmt.Println(<-seen)
	// Output:
	// <nil>
	// <nil>
	// bo packs
	// bo leaves
	// ana packs
	// ana leaves
}
