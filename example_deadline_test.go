package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Every call has a deadline. It travels: the handler's context ends with it.
func Example_deadline() {
	slow := siskin.NewRPC[string, string](siskintest.Name("slow"))
	p := play()
	defer p.end()

	ended := make(chan error, 1)
	svc := p.service()
	slow.Handle(svc, func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done() // as a query to a database would be cut off
		ended <- ctx.Err()
		return "", ctx.Err()
	})
	p.run(svc)

	_, err := slow.Send(context.Background(), p.client(), "x", siskin.WithTimeout(300*time.Millisecond))
	fmt.Println("caller:", errors.Is(err, context.DeadlineExceeded) || siskin.CodeOf(err) == siskin.CodeTimeout)
	fmt.Println("handler:", <-ended)
	// Output:
	// caller: true
	// handler: context deadline exceeded
}
