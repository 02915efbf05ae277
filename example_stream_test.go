package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// A handler can send any number of replies. Leaving the loop ends the call.
func Example_stream() {
	countdown := siskin.NewRPC[int, int](siskintest.Name("countdown"))
	p := play()
	defer p.end()

	svc := p.service()
	countdown.HandleStream(svc, func(_ context.Context, from int, send func(int) error) error {
		for n := from; n > 0; n-- {
			if err := send(n); err != nil {
				return err
			}
		}
		return nil
	})
	p.run(svc)

	for n, err := range countdown.Stream(context.Background(), p.client(), 3) {
		fmt.Println(n, err)
	}
	// Output:
	// 3 <nil>
	// 2 <nil>
	// 1 <nil>
}
