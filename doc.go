// Package siskin is a framework for microservices on Apache Kafka: typed
// request–reply, streamed replies and events. It speaks the wire of NestJS's
// Kafka transport in both directions, so a Go service can answer a NestJS client
// and call a NestJS server, unchanged.
//
// # Contracts
//
// A contract names a topic and the types that travel on it. Both sides import
// it:
//
//	var (
//		Sum   = siskin.NewRPC[[]float64, float64]("sum")
//		Print = siskin.NewEvent[string]("print")
//	)
//
// # A service
//
// A [Service] is one member of a consumer group. Handlers are plain functions:
//
//	svc, err := siskin.NewService(siskin.Config{Brokers: brokers, Group: "math"})
//	Sum.Handle(svc, func(ctx context.Context, xs []float64) (float64, error) { … })
//	Print.On(svc, func(ctx context.Context, text string) error { … })
//	err = svc.Run(ctx) // blocks; drains when ctx ends
//
// Where a record came from is found with [DeliveryFrom]. What should happen
// after a failure is said by the error: [Errorf] tells the caller, [RetryAfter],
// [DeadLetter] and [Drop] tell the service. Offsets are committed when the
// outcome of a record is durable, never before.
//
// # A client
//
// A [Client] needs no consumer group:
//
//	client, err := siskin.NewClient(siskin.Config{Brokers: brokers})
//	total, err := Sum.Send(ctx, client, []float64{1, 2, 3})
//	meta, err := Print.Emit(ctx, client, "hello")
//
// Every call has a deadline, which also reaches the handler that serves it.
//
// # The string door
//
// [Handle], [HandleStream], [On], [Send], [Stream] and [Client.Emit] do the same
// with a topic name in place of a contract.
//
// To read the code, follow a record: service.go, internal/intake, internal/lane,
// internal/serving, binding.go, handle.go, internal/outcome, internal/reply,
// internal/commit. The map is docs/architecture.md.
package siskin
