package siskin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Only an error that is made for the caller crosses the wire.
func Example_error() {
	find := siskin.NewRPC[string, string](siskintest.Name("find"))
	p := play()
	defer p.end()

	svc := p.service()
	find.Handle(svc, func(_ context.Context, id string) (string, error) {
		if id == "x" {
			return "", siskin.Errorf(siskin.CodeNotFound, "no order %s", id).WithDetails(map[string]string{"id": id})
		}
		return "", errors.New("dial tcp 10.0.0.7: password rejected") // stays in the log
	})
	p.run(svc)

	client := p.client()
	for _, id := range []string{"x", "y"} {
		_, err := find.Send(context.Background(), client, id)
		if e, ok := errors.AsType[*siskin.Error](err); ok {
			fmt.Println(e.Code, "|", e.Message, "|", string(e.Details))
		}
	}
	// Output:
	// not_found | no order x | {"id":"x"}
	// internal | Internal server error |
}
