package gateway

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/siskin-go/siskin"
)

// Stream returns a handler that sends the body as a request and answers with its
// replies as they come, as newline-delimited JSON or server-sent events; see the
// package comment.
func Stream[Req, Res any](c siskin.RPC[Req, Res], client *siskin.Client, opts ...Option) http.Handler {
	return stream(c, client, body[Req], opts)
}

// StreamAs is Stream with a request made by a function from the HTTP request and
// its body; see CallAs. An EventSource sends GET without a body, so it needs
// this.
func StreamAs[Body, Req, Res any](
	c siskin.RPC[Req, Res], client *siskin.Client, from func(*http.Request, Body) (Req, error), opts ...Option,
) http.Handler {
	return stream(c, client, mapped(from), opts)
}

func stream[Req, Res any](
	c siskin.RPC[Req, Res], client *siskin.Client, request func(*exchange) (Req, error), opts []Option,
) http.Handler {
	return newHandler(opts, func(x *exchange) error {
		if over, err := x.negotiate(); over || err != nil {
			return err
		}
		req, err := request(x)
		if err != nil {
			return err
		}
		for res, err := range c.Stream(x.r.Context(), client, req, x.callOptions()...) {
			if err != nil {
				return err
			}
			if err := x.value(res); err != nil {
				return err
			}
		}
		return x.part(x.form.end)
	})
}

// form is how the parts of a stream look.
type form struct {
	contentType string
	value       string // before a value
	fault       string // before the error that ends the stream
	after       string // after either
	end         string // the orderly end
}

var (
	ndjson = &form{contentType: "application/x-ndjson", after: "\n"}
	// A browser that connects again sends back the id that it saw last.
	sse = &form{
		contentType: "text/event-stream",
		value:       "data: ",
		fault:       "event: error\nid: " + overID + "\ndata: ",
		after:       "\n\n",
		end:         "event: end\nid: " + overID + "\ndata: {}\n\n",
	}
)

// overID is the event id of the last event of a stream.
const overID = "end"

// negotiate chooses the form. It reports true when the request is the second
// connection of an EventSource that should have been closed, and is answered.
func (x *exchange) negotiate() (over bool, err error) {
	if x.form = accepted(x.r.Header.Values("Accept")); x.form == nil {
		return false, &refusal{
			http.StatusNotAcceptable,
			"a stream can be had as " + ndjson.contentType + " or " + sse.contentType + "; see Accept",
		}
	}
	if x.form == sse && x.r.Header.Get("Last-Event-ID") == overID {
		x.w.WriteHeader(http.StatusNoContent)
		return true, nil
	}
	return false, nil
}

// value writes one reply. It holds no newline: encode writes none, and escapes
// those in strings.
func (x *exchange) value(v any) error {
	b, err := encode(v)
	if err != nil {
		return &unshowable{err}
	}
	return x.part(x.form.value + string(b) + x.form.after)
}

// part writes a part of a stream and flushes it. The first one brings the
// header.
func (x *exchange) part(text string) error {
	if !x.started {
		h := x.w.Header()
		h.Set("Content-Type", x.form.contentType)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // nginx would collect values before it passes them on
		x.w.WriteHeader(http.StatusOK)
		x.started = true
	}
	if err := x.write([]byte(text)); err != nil {
		return err
	}
	switch err := x.control.Flush(); {
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("flush a stream: %w; does a middleware hide http.Flusher? give its writer an Unwrap method", err)
	case err != nil:
		return &writeError{err}
	}
	return nil
}
