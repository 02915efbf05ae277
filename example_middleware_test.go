package siskin_test

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Middleware runs around decoding. A scope shares it among some handlers.
func Example_middleware() {
	secret := siskin.NewRPC[string, string](siskintest.Name("secret"))
	p := play()
	defer p.end()

	guard := func(next siskin.Handler) siskin.Handler {
		return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
			if token, _ := d.Header("authorization"); string(token) != "sesame" {
				return siskin.Errorf(siskin.CodeDenied, "who are you?")
			}
			return next(ctx, d, reply)
		}
	}
	svc := p.service()
	guarded := svc.Scope(siskin.WithMiddleware(guard))
	secret.Handle(guarded, func(_ context.Context, s string) (string, error) { return "the secret of " + s, nil })
	p.run(svc)

	client := p.client()
	_, err := secret.Send(context.Background(), client, "wine")
	fmt.Println(siskin.CodeOf(err))
	text, err := secret.Send(context.Background(), client, "wine", siskin.WithHeader("authorization", "sesame"))
	fmt.Println(text, err)
	// Output:
	// denied
	// the secret of wine <nil>
}
