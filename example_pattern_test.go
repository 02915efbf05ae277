package siskin_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// A pattern in slashes is a regular expression of topics.
func Example_pattern() {
	shop := siskintest.Name("shop")
	p := play()
	defer p.end()
	client, ctx := p.client(), context.Background()
	if err := client.Ready(ctx, siskin.NewEvent[string](shop+".paid"), siskin.NewEvent[string](shop+".sent")); err != nil {
		fmt.Println(err)
	}

	seen := make(chan string)
	svc := p.service()
	siskin.On(svc, "/^"+shop+`\./`, func(ctx context.Context, order string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		seen <- order + strings.TrimPrefix(d.Topic(), shop)
		return nil
	})
	p.run(svc)

	for _, topic := range []string{".paid", ".sent"} {
		if _, err := client.Emit(ctx, shop+topic, "order 7"); err != nil {
			fmt.Println(err)
		}
		fmt.Println(<-seen)
	}
	// Output:
	// order 7.paid
	// order 7.sent
}
