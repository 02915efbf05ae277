package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// Config.Observe receives a typed event for each thing that happens.
func Example_observe() {
	up := siskin.NewRPC[int, int](siskintest.Name("up"))
	p := play()
	defer p.end()

	handled := make(chan events.Handled, 1)
	p.cfg.Observe = func(e events.Event) {
		if h, ok := e.(events.Handled); ok {
			handled <- h
		}
	}
	svc := p.service()
	up.Handle(svc, func(_ context.Context, n int) (int, error) { return n + 1, nil })
	p.run(svc)

	n, err := up.Send(context.Background(), p.client(), 1)
	fmt.Println(n, err)
	h := <-handled
	fmt.Println(h.Kind, h.Outcome, "after", h.Attempts, "attempt")
	// Output:
	// 2 <nil>
	// request replied after 1 attempt
}
