package siskin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// The returned error says what happens to the record next.
func Example_outcome() {
	jobs := siskin.NewEvent[string](siskintest.Name("jobs"))
	p := play()
	defer p.end()

	tried := make(chan string)
	svc := p.service()
	jobs.On(svc, func(ctx context.Context, job string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		tried <- fmt.Sprint(job, ", attempt ", d.Attempt())
		switch {
		case job == "flaky" && d.Attempt() < 3:
			return siskin.RetryAfter(0, errors.New("not yet"))
		case job == "poison":
			return siskin.DeadLetter(errors.New("nobody can do this")) // kept in <topic>-dlt
		case job == "stale":
			return siskin.Drop(errors.New("too late"))
		}
		return nil
	}, siskin.Ordered())
	p.run(svc)

	_, err := jobs.EmitBatch(context.Background(), p.client(), []string{"flaky", "poison", "stale", "good"})
	if err != nil {
		fmt.Println(err)
	}
	for range 6 {
		fmt.Println(<-tried)
	}
	// Output:
	// flaky, attempt 1
	// flaky, attempt 2
	// flaky, attempt 3
	// poison, attempt 1
	// stale, attempt 1
	// good, attempt 1
}
