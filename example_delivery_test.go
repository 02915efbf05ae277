package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Where a record came from is in the handler's context.
func Example_delivery() {
	note := siskin.NewEvent[string](siskintest.Name("note"))
	p := play()
	defer p.end()

	seen := make(chan string)
	svc := p.service()
	note.On(svc, func(ctx context.Context, text string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		color, _ := d.Header("color")
		seen <- fmt.Sprintf("%s: key %s, %s, partition %d, offset %d", text, d.Key(), color, d.Partition(), d.Offset())
		return nil
	})
	p.run(svc)

	_, err := note.Emit(context.Background(), p.client(), "hi", siskin.WithKey("k1"), siskin.WithHeader("color", "red"))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-seen)
	// Output: hi: key k1, red, partition 0, offset 0
}
