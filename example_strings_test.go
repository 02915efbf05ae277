package siskin_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// The string door needs no contract: for first steps, and for services of
// others.
func Example_strings() {
	topic := siskintest.Name("shout")
	p := play()
	defer p.end()

	svc := p.service()
	siskin.Handle(svc, topic, func(_ context.Context, s string) (string, error) {
		return strings.ToUpper(s) + "!", nil
	})
	p.run(svc)

	loud, err := siskin.Send[string](context.Background(), p.client(), topic, "hello")
	fmt.Println(loud, err)
	// Output: HELLO! <nil>
}
