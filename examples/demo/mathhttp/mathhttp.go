// Package mathhttp offers package mathapi over HTTP.
package mathhttp

import (
	"errors"
	"net/http"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathapi"
	"github.com/siskin-go/siskin/gateway"
)

// Handler answers as the NestJS example does: 201 with the bare number, or with
// the place of the event.
func Handler(client *siskin.Client) http.Handler {
	created := gateway.WithStatus(http.StatusCreated)
	mux := gateway.NewMux()
	mux.Handle("POST /sum", gateway.Call(mathapi.Sum, client, created))
	mux.Handle("POST /max", gateway.Call(mathapi.Max, client, created))
	mux.Handle("POST /print", gateway.EmitAs(mathapi.Print, client, text, created,
		gateway.WithAnswer(gateway.NestMetadata)))
	return mux
}

// note is the body of POST /print.
type note struct {
	Message string `json:"message"`
}

// Validate is called before anything is sent; its error is a 400.
func (n note) Validate() error {
	if n.Message == "" {
		return errors.New("message: want some text")
	}
	return nil
}

func text(_ *http.Request, n note) (string, error) { return n.Message, nil }
