package siskin

import (
	"context"
	"slices"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/internal/serving"
)

// Handler is the one shape that every handler has under its types, be it for
// requests, streams or events. The value of d is not yet decoded. reply sends
// one value to the caller: none for an event, one for a request, any number for
// a stream. The error decides what becomes of the record.
type Handler func(ctx context.Context, d *Delivery, reply func(any) error) error

// Middleware wraps a handler. It runs around decoding, so it can refuse a
// record by its headers or size before its value is looked at. The first
// middleware is the outermost. The chain is built once, when the service runs.
type Middleware func(next Handler) Handler

func chain(h Handler, middleware []Middleware) Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}

// Registrar is where handlers are registered: a Service or a Scope. A package
// with handlers offers a function that takes one:
//
//	func (m *Math) Register(r siskin.Registrar) { Sum.Handle(r, m.sum) }
//
// Only this package implements it.
type Registrar interface {
	register(registration)
}

// Handle serves the requests on the topic pattern with fn. A topic has one such
// handler, in one service. Mistakes are collected and returned by Service.Run.
//
// A pattern in slashes is a regular expression of topics, in Go's syntax:
// "/^orders\\./". A handler for the topic itself goes before it, and so does an
// expression that was registered earlier. Topics for replies and dead letters,
// and those that begin with two underscores, fit no expression. New topics are
// found within Config.Refresh, and read from their beginning.
//
// Records with one key run in order and others at once, unless Ordered or
// Unordered says something else.
//
// A record on the topic that asks for no reply is handled too; its result is
// discarded, as in NestJS.
func Handle[Req, Res any](
	r Registrar, pattern string, fn func(context.Context, Req) (Res, error), opts ...HandlerOption,
) {
	r.register(registration{topic: pattern, kind: serving.Single, options: opts, where: caller(), handler: func(ctx context.Context, d *Delivery, reply func(any) error) error {
		var req Req
		if err := decode(d, &req); err != nil {
			return err
		}
		res, err := fn(ctx, req)
		if err != nil {
			return err
		}
		return reply(res)
	}})
}

// HandleStream serves the requests on the topic pattern with any number of
// replies. send may be called from one goroutine at a time until fn returns; it
// blocks while the broker is slow and returns an error when the caller can get
// no more. The stream ends when fn returns. Its context has no deadline unless
// WithTimeout gives it one: a caller says how long it waits for the first value,
// not for the last.
func HandleStream[Req, Res any](
	r Registrar, pattern string, fn func(ctx context.Context, req Req, send func(Res) error) error, opts ...HandlerOption,
) {
	r.register(registration{topic: pattern, kind: serving.Stream, options: opts, where: caller(), handler: func(ctx context.Context, d *Delivery, reply func(any) error) error {
		var req Req
		if err := decode(d, &req); err != nil {
			return err
		}
		return fn(ctx, req, func(res Res) error { return reply(res) })
	}})
}

// On handles the events on topic with fn. A topic can have several event
// handlers; they run in the order in which they were registered, and each is
// retried by itself.
func On[T any](r Registrar, topic string, fn func(context.Context, T) error, opts ...HandlerOption) {
	h := func(ctx context.Context, d *Delivery, _ func(any) error) error {
		var v T
		if err := decode(d, &v); err != nil {
			return err
		}
		return fn(ctx, v)
	}
	if fn, ok := any(fn).(func(context.Context, codec.Encoded) error); ok {
		// v would be an allocation for each event.
		h = func(ctx context.Context, d *Delivery, _ func(any) error) error { return fn(ctx, d.record.Value) }
	}
	r.register(registration{topic: topic, kind: serving.Event, options: opts, where: caller(), handler: h})
}

// OnBatch handles the events on topic with fn, many at a time. A batch has records of
// one partition, in the order of their offsets, and begins when it has BatchSize
// records, or when the first of them has waited for BatchWait. DeliveriesFrom has
// what is known of each. A topic has one such handler, and then no other.
//
// A nil error says that all records are done. FailAt names single ones that are not;
// any other error is that of all records that are not named. What has failed is tried
// again alone, in a batch of one, as a handler of On would be: so a record that fails
// by itself becomes a dead letter, and those beside it do not. A value that cannot be
// decoded, or is not valid, is left out of its batch.
//
// Records with one key are never in two batches at once, and wait for those before
// them that are tried again; batches with other keys run at once. With Ordered, one
// batch of a partition runs at a time, WithConcurrency bounds how many run, and
// WithTimeout how long one call of fn takes. Middleware is refused: it wraps one
// record. Wrap fn itself.
func OnBatch[T any](r Registrar, topic string, fn func(context.Context, []T) error, opts ...HandlerOption) {
	r.register(registration{topic: topic, kind: serving.Event, options: opts, where: caller(), batch: func(b *batch) error {
		values := decodeBatch[T](b)
		if len(values) == 0 {
			return nil
		}
		return fn(b, values)
	}})
}

// Scope is a part of a service whose handlers share options, such as
// middleware. Scopes can be nested; the outer one's options come first.
type Scope struct {
	parent  Registrar
	options []HandlerOption
}

// Scope returns a part of the service whose handlers have opts.
func (s *Service) Scope(opts ...HandlerOption) *Scope { return &Scope{parent: s, options: opts} }

// Scope returns a part of the scope whose handlers have opts too.
func (s *Scope) Scope(opts ...HandlerOption) *Scope { return &Scope{parent: s, options: opts} }

func (s *Scope) register(reg registration) {
	reg.options = slices.Concat(s.options, reg.options)
	s.parent.register(reg)
}
