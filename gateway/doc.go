// Package gateway makes net/http handlers from contracts, so that a browser or
// curl can call a service on Kafka:
//
//	mux := gateway.NewMux()
//	mux.Handle("POST /sum", gateway.Call(mathapi.Sum, client))
//	mux.Handle("POST /ticks", gateway.Stream(mathapi.Ticks, client))
//	mux.Handle("POST /print", gateway.Emit(mathapi.Print, client))
//
// [CallAs], [StreamAs] and [EmitAs] put a function between the HTTP request and
// the value that is sent. It sees path values, the query and headers, so a GET
// can be served too:
//
//	mux.Handle("GET /users/{id}", gateway.CallAs(userapi.Get, client,
//		func(r *http.Request, _ struct{}) (string, error) { return r.PathValue("id"), nil }))
//
// # Requests
//
// A body is one JSON value in UTF-8 of at most 1 MiB (WithMaxBody), of a type
// such as application/json or application/problem+json. A body without a
// Content-Type is refused: the script or form of another site could send it
// without asking first. Fields that the Go type does not have are ignored, as
// services do. An empty body and null stand for nothing, which only a pointer,
// an interface and struct{} can be; for other types they are refused. A type
// with Validate() error is asked before anything is sent.
//
// The trace context (traceparent, tracestate) goes along as record headers. A
// caller that goes away ends its call; nothing is written then.
//
// # Answers
//
// A reply is answered as JSON with status 200: a string has quotes, a number
// stands alone. An error is {"error":{"code":…,"message":…}}, with "details"
// where the service sent some. The code is one of siskin's, also for errors that
// only HTTP knows:
//
//	400 invalid        the body or what is in it, or the service said so
//	403 denied         the service said so
//	404 not_found      the service said so, or the Mux has no such path
//	405 invalid        the Mux has the path, not the method; see Allow
//	406 invalid        a stream in none of the forms that Accept names
//	408 timeout        the body did not arrive in time (http.Server.ReadTimeout)
//	409 conflict       the service said so
//	413 invalid        the body is larger than WithMaxBody or the broker allows
//	415 invalid        the body is not JSON by its Content-Type
//	500 internal       this program failed, such as by a panic; its log knows why
//	501 unimplemented  nothing handles the pattern
//	502 internal       the service failed, or its reply makes no sense
//	502 unknown        the service sent an error without a code
//	503 unavailable    broker away, too many calls, closing, or the service said so
//	504 timeout        no reply in time
//
// 500 means this program and 502 the service behind it, so that whoever is
// called at night opens the right log. The text of both is fixed: it was not
// written for strangers. The true one is logged. A NestJS service sends its
// errors without a code, so they are "unknown"; WithErrors can give them one.
//
// # Streams
//
// The form of a stream is chosen by Accept, by default newline-delimited JSON.
// The status is 200 once the first value is there; an error before it is
// answered like that of a call. Each value is flushed at once.
//
//   - application/x-ndjson: a line a value. An error is a last line
//     {"error":{…}}. A stream that is cut has no orderly end of its HTTP body.
//   - text/event-stream: an event without a name a value. An orderly end is the
//     event "end", an error the event "error"; nothing follows either. A page
//     should close its EventSource then. One that does not, and connects again
//     by itself, is answered 204, which makes the browser stop, so that the
//     call is not made twice. After a cut, a new connection is a new call.
//     (Browsers fire "error" for a lost connection too, then without data.)
//
// A reader that takes nothing for 10 seconds (WithWriteTimeout) is cut, and one
// that falls too far behind fails with its own call; see
// siskin.Config.StreamBuffer.
//
// # Time
//
// A call waits 10 seconds for its reply, and a stream for its first value, less
// than a client does by itself:
// people and load balancers rarely wait 30, and a broker that is away should be
// told as 503 while somebody still listens. Change it with
// WithCallOptions(siskin.WithTimeout(d)). A sooner end of the request's context
// wins. http.Server.WriteTimeout does not end a call or stream of this package,
// because each write sets its own deadline. A body that arrives slowly is up to
// http.Server.ReadTimeout: set it.
package gateway
