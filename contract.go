package siskin

import (
	"context"
	"iter"
)

// Contract is what a topic carries: an RPC or an Event.
type Contract interface {
	// Pattern is the topic.
	Pattern() string
}

// RPC is the contract of a request topic: Req goes there, Res comes back. It is
// an immutable value, meant for a package that both sides import.
type RPC[Req, Res any] struct{ pattern string }

// NewRPC returns the contract of the topic pattern. A name that is no legal
// topic is refused where the contract is used.
func NewRPC[Req, Res any](pattern string) RPC[Req, Res] { return RPC[Req, Res]{pattern} }

// request tells an RPC from an Event.
func (RPC[Req, Res]) request() {}

// Pattern is the request topic.
func (c RPC[Req, Res]) Pattern() string { return c.pattern }

// Handle serves the contract; see the function Handle.
func (c RPC[Req, Res]) Handle(r Registrar, fn func(context.Context, Req) (Res, error), opts ...HandlerOption) {
	Handle(r, c.pattern, fn, opts...)
}

// HandleStream serves the contract with a stream; see the function HandleStream.
func (c RPC[Req, Res]) HandleStream(
	r Registrar, fn func(ctx context.Context, req Req, send func(Res) error) error, opts ...HandlerOption,
) {
	HandleStream(r, c.pattern, fn, opts...)
}

// Send calls the contract and waits for its reply; see the function Send.
func (c RPC[Req, Res]) Send(ctx context.Context, client *Client, req Req, opts ...CallOption) (Res, error) {
	return Send[Res](ctx, client, c.pattern, req, opts...)
}

// Stream calls the contract and returns its replies; see the function Stream.
func (c RPC[Req, Res]) Stream(ctx context.Context, client *Client, req Req, opts ...CallOption) iter.Seq2[Res, error] {
	return Stream[Res](ctx, client, c.pattern, req, opts...)
}

// Event is the contract of an event topic. It is an immutable value.
type Event[T any] struct{ topic string }

// NewEvent returns the contract of topic.
func NewEvent[T any](topic string) Event[T] { return Event[T]{topic} }

// Pattern is the topic.
func (e Event[T]) Pattern() string { return e.topic }

// On handles the event; see the function On.
func (e Event[T]) On(r Registrar, fn func(context.Context, T) error, opts ...HandlerOption) {
	On(r, e.topic, fn, opts...)
}

// OnBatch handles the event, many at a time; see the function OnBatch.
func (e Event[T]) OnBatch(r Registrar, fn func(context.Context, []T) error, opts ...HandlerOption) {
	OnBatch(r, e.topic, fn, opts...)
}

// Emit sends the event and waits until the broker has stored it; see
// Client.Emit.
func (e Event[T]) Emit(ctx context.Context, client *Client, v T, opts ...CallOption) (RecordMetadata, error) {
	return client.Emit(ctx, e.topic, v, opts...)
}

// EmitBatch sends several events with the same options; see Client.EmitBatch.
func (e Event[T]) EmitBatch(ctx context.Context, client *Client, vs []T, opts ...CallOption) ([]RecordMetadata, error) {
	messages := make([]Message, len(vs))
	for i, v := range vs {
		messages[i] = Message{Value: v, Options: opts}
	}
	return client.EmitBatch(ctx, e.topic, messages)
}
