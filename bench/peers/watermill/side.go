package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/components/requestreply"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// watermillSide is Watermill. Its values are stateless.
type watermillSide struct{}

var errStream = errors.New("watermill: a handler of requestreply has one result, so there are no streams")

type (
	sumCommand  struct{ Numbers []float64 }
	echoCommand struct{ Text string }
)

const callTimeout = 30 * time.Second

// Serve starts a router. It returns when the router runs.
func (watermillSide) Serve(ctx context.Context, at side.Target) (side.Server, error) {
	publisher, err := newPublisher(at)
	if err != nil {
		return nil, err
	}
	router, err := newRouter(at, publisher)
	if err != nil {
		return nil, errors.Join(err, publisher.Close())
	}
	s := &server{router: router, publisher: publisher, ended: make(chan error, 1)}
	go func() { s.ended <- router.Run(context.WithoutCancel(ctx)) }()
	select {
	case <-router.Running():
		return s, nil
	case err := <-s.ended:
		return nil, errors.Join(err, publisher.Close())
	}
}

func newRouter(at side.Target, publisher message.Publisher) (*message.Router, error) {
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 5 * time.Second}, silent)
	if err != nil {
		return nil, err
	}
	subscriber, err := newSubscriber(at, at.Group())
	if err != nil {
		return nil, err
	}
	switch at.Op {
	case side.Events:
		router.AddConsumerHandler("events", at.Pattern, subscriber, func(*message.Message) error {
			at.Handled()
			return nil
		})
		return router, nil
	case side.Echo:
		return router, handle(router, at, publisher, subscriber, func(_ context.Context, c *echoCommand) (string, error) {
			return c.Text, nil
		})
	case side.Sum:
		return router, handle(router, at, publisher, subscriber, func(_ context.Context, c *sumCommand) (float64, error) {
			time.Sleep(at.Delay)
			var sum float64
			for _, n := range c.Numbers {
				sum += n
			}
			return sum, nil
		})
	}
	return nil, errStream
}

// handle registers fn as a command handler whose result is the reply.
func handle[Command, Result any](
	router *message.Router, at side.Target, publisher message.Publisher, subscriber message.Subscriber,
	fn func(context.Context, *Command) (Result, error),
) error {
	backend, err := newBackend[Result](at, publisher, nil)
	if err != nil {
		return err
	}
	processor, err := cqrs.NewCommandProcessorWithConfig(router, cqrs.CommandProcessorConfig{
		GenerateSubscribeTopic: func(cqrs.CommandProcessorGenerateSubscribeTopicParams) (string, error) { return at.Pattern, nil },
		SubscriberConstructor: func(cqrs.CommandProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return subscriber, nil
		},
		Marshaler: names, Logger: silent,
	})
	if err != nil {
		return err
	}
	return processor.AddHandlers(requestreply.NewCommandHandlerWithResult("handler", backend, fn))
}

type server struct {
	router    *message.Router
	publisher io.Closer
	ended     chan error
}

// Close ends the router.
func (s *server) Close() error {
	return errors.Join(s.router.Close(), <-s.ended, s.publisher.Close())
}

// Dial makes a command bus and a subscriber for replies.
func (watermillSide) Dial(_ context.Context, at side.Target) (side.Client, error) {
	if at.Op == side.Stream {
		return nil, errStream
	}
	publisher, err := newPublisher(at)
	if err != nil {
		return nil, err
	}
	replies, err := newSubscriber(at, "")
	if err != nil {
		return nil, errors.Join(err, publisher.Close())
	}
	c := &client{parts: []io.Closer{replies, publisher}}
	if c.call, err = newCall(at, publisher, replies); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

type client struct {
	parts []io.Closer
	call  func(context.Context) error
}

// Call does what the target asks for.
func (c *client) Call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.call(ctx)
}

// Close gives up the connections.
func (c *client) Close() error {
	var errs []error
	for _, p := range c.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

func newCall(at side.Target, publisher message.Publisher, replies message.Subscriber) (func(context.Context) error, error) {
	text := strings.Repeat("x", at.Size)
	bus, err := cqrs.NewCommandBusWithConfig(publisher, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(cqrs.CommandBusGeneratePublishTopicParams) (string, error) { return at.Pattern, nil },
		Marshaler:            names, Logger: silent,
	})
	if err != nil {
		return nil, err
	}
	switch at.Op {
	case side.Events:
		return func(context.Context) error {
			return publisher.Publish(at.Pattern, message.NewMessage(watermill.NewUUID(), []byte(text)))
		}, nil
	case side.Echo:
		return newSend(at, bus, publisher, replies, &echoCommand{Text: text}, text)
	default:
		return newSend(at, bus, publisher, replies, &sumCommand{Numbers: []float64{1, 2, 3}}, 6.0)
	}
}

// newSend is a call with this command, whose reply must be this one.
func newSend[Result comparable](
	at side.Target, bus *cqrs.CommandBus, publisher message.Publisher, replies message.Subscriber, command any, want Result,
) (func(context.Context) error, error) {
	backend, err := newBackend[Result](at, publisher, replies)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		reply, err := requestreply.SendWithReply(ctx, bus, backend, command)
		if err = errors.Join(err, reply.Error); err != nil {
			return err
		}
		if reply.HandlerResult != want {
			return fmt.Errorf("wrong reply: %.20v", reply.HandlerResult)
		}
		return nil
	}, nil
}
