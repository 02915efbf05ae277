package gateway

import (
	"net/http"

	"github.com/siskin-go/siskin"
)

// Call returns a handler that sends the body as a request and answers with the
// reply. It is safe for concurrent use, like all handlers of this package.
func Call[Req, Res any](c siskin.RPC[Req, Res], client *siskin.Client, opts ...Option) http.Handler {
	return call(c, client, body[Req], opts)
}

// CallAs is Call with a request made by a function from the HTTP request, whose
// body is already read, and what its body says. For a request without a body,
// let Body be struct{}.
//
// An error that it returns is shown to the caller only as a *siskin.Error, such
// as siskin.Errorf(siskin.CodeInvalid, …); any other one is a 500 without text.
func CallAs[Body, Req, Res any](
	c siskin.RPC[Req, Res], client *siskin.Client, from func(*http.Request, Body) (Req, error), opts ...Option,
) http.Handler {
	return call(c, client, mapped(from), opts)
}

func call[Req, Res any](
	c siskin.RPC[Req, Res], client *siskin.Client, request func(*exchange) (Req, error), opts []Option,
) http.Handler {
	return newHandler(opts, func(x *exchange) error {
		req, err := request(x)
		if err != nil {
			return err
		}
		res, err := c.Send(x.r.Context(), client, req, x.callOptions()...)
		if err != nil {
			return err
		}
		return x.answerReply(res)
	})
}
