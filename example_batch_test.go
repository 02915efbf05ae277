package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// A batch handler takes many records at a time. What it names as failed is tried
// again alone.
func Example_batch() {
	readings := siskin.NewEvent[int](siskintest.Name("readings"))
	p := play()
	defer p.end()

	stored := make(chan string)
	svc := p.service()
	readings.OnBatch(svc, func(ctx context.Context, values []int) error {
		first := siskin.DeliveriesFrom(ctx)[0]
		stored <- fmt.Sprint(values, ", attempt ", first.Attempt())
		var errs []error
		for i, v := range values {
			if v < 0 && first.Attempt() == 1 {
				errs = append(errs, siskin.FailAt(i, errors.New("the sensor was cold")))
			}
		}
		return errors.Join(errs...)
	}, siskin.BatchSize(4), siskin.BatchWait(10*time.Second))
	p.run(svc)

	_, err := readings.EmitBatch(context.Background(), p.client(), []int{20, 21, -273, 22})
	fmt.Println(err)
	fmt.Println(<-stored)
	fmt.Println(<-stored)
	// Output:
	// <nil>
	// [20 21 -273 22], attempt 1
	// [-273], attempt 2
}
