package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// A contract names the topic and the types on it. Both sides import it.
func Example_contract() {
	sum := siskin.NewRPC[[]float64, float64](siskintest.Name("sum"))
	p := play()
	defer p.end()

	svc := p.service()
	sum.Handle(svc, func(_ context.Context, xs []float64) (float64, error) {
		total := 0.0
		for _, x := range xs {
			total += x
		}
		return total, nil
	})
	p.run(svc)

	total, err := sum.Send(context.Background(), p.client(), []float64{1, 2, 3})
	fmt.Println(total, err)
	// Output: 6 <nil>
}
