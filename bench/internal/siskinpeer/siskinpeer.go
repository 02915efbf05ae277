// Package siskinpeer is Siskin as its documentation shows it, with its default
// settings.
package siskinpeer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/codec"
)

// Side is Siskin.
type Side struct{}

func config(at side.Target) siskin.Config {
	cfg := siskin.Config{
		Brokers: at.Brokers, ClientID: "bench", Group: at.Pattern, // the postfix makes it Target.Group
		StartFrom: "beginning", Logger: slog.New(slog.DiscardHandler), Kafka: at.Options(),
	}
	if at.OwnReplies {
		cfg.ReplyTopic = at.ReplyTopic()
	}
	return cfg
}

func sum(pattern string) siskin.RPC[[]float64, float64] {
	return siskin.NewRPC[[]float64, float64](pattern)
}

func echo(at side.Target) siskin.RPC[string, string] {
	return siskin.NewRPC[string, string](at.Pattern)
}

func relay(at side.Target) siskin.RPC[codec.Encoded, codec.Encoded] {
	return siskin.NewRPC[codec.Encoded, codec.Encoded](at.Pattern)
}

func count(at side.Target) siskin.RPC[int, int] { return siskin.NewRPC[int, int](at.Pattern) }

func event(at side.Target) siskin.Event[string] { return siskin.NewEvent[string](at.Pattern) }

// Serve starts a service.
func (Side) Serve(_ context.Context, at side.Target) (side.Server, error) {
	svc, err := siskin.NewService(config(at))
	if err != nil {
		return nil, err
	}
	handle(svc, at)
	ctx, stop := context.WithCancel(context.Background())
	s := &server{stop: stop, ended: make(chan error, 1), ready: make(chan error, 1)}
	begin := time.Now()
	go func() { s.ended <- svc.Run(ctx) }()
	go func() {
		err := svc.Ready(ctx)
		s.took = time.Since(begin)
		s.ready <- err
	}()
	return s, nil
}

func handle(svc *siskin.Service, at side.Target) {
	switch at.Op {
	case side.Sum:
		for _, pattern := range at.Patterns() {
			sum(pattern).Handle(svc, func(_ context.Context, numbers []float64) (float64, error) {
				if at.Delay > 0 {
					time.Sleep(at.Delay)
				}
				var sum float64
				for _, n := range numbers {
					sum += n
				}
				return sum, nil
			})
		}
	case side.Echo:
		echo(at).Handle(svc, func(_ context.Context, text string) (string, error) { return text, nil })
	case side.Relay:
		relay(at).Handle(svc, func(_ context.Context, value codec.Encoded) (codec.Encoded, error) { return value, nil })
	case side.Stream:
		count(at).HandleStream(svc, func(_ context.Context, n int, send func(int) error) error {
			for i := range n {
				if err := send(i + 1); err != nil {
					return err
				}
			}
			return nil
		})
	case side.Orders:
		siskin.NewEvent[side.Order](at.Pattern).On(svc, func(context.Context, side.Order) error {
			at.Handled()
			return nil
		})
	case side.Records:
		siskin.NewEvent[codec.Encoded](at.Pattern).On(svc, func(_ context.Context, value codec.Encoded) error {
			if len(value) != at.Size {
				return errWrong
			}
			at.Handled()
			return nil
		})
	case side.Batches:
		event(at).OnBatch(svc, func(_ context.Context, texts []string) error {
			for range texts {
				at.Handled()
			}
			return nil
		})
	case side.Events, side.Beside:
		for _, pattern := range at.Patterns() {
			siskin.NewEvent[string](pattern).On(svc, func(context.Context, string) error {
				at.Handled()
				return nil
			})
		}
	}
}

type server struct {
	stop  context.CancelFunc
	ended chan error
	ready chan error
	took  time.Duration // until ready
}

// Ready waits for the service's partitions. It is for one use.
func (s *server) Ready(ctx context.Context) (time.Duration, error) {
	select {
	case err := <-s.ready:
		return s.took, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Close drains the service.
func (s *server) Close() error {
	s.stop()
	return <-s.ended
}

// Dial makes a client.
func (Side) Dial(_ context.Context, at side.Target) (side.Client, error) {
	kafka, err := siskin.NewClient(config(at))
	if err != nil {
		return nil, err
	}
	c := &client{kafka: kafka, silent: sum(at.Silent())}
	c.call = c.caller(at)
	return c, nil
}

type client struct {
	kafka  *siskin.Client
	silent siskin.RPC[[]float64, float64]
	calls  atomic.Uint64
	call   func(context.Context) error
}

// Call does what the target asks for.
func (c *client) Call(ctx context.Context) error { return c.call(ctx) }

var errWrong = errors.New("wrong reply")

// caller is how this client makes one call.
func (c *client) caller(at side.Target) func(context.Context) error {
	text := strings.Repeat("x", at.Size)
	switch at.Op {
	case side.Echo:
		rpc := echo(at)
		return func(ctx context.Context) error {
			got, err := rpc.Send(ctx, c.kafka, text)
			return check(got == text, len(got), err)
		}
	case side.Relay:
		rpc, value := relay(at), codec.Encoded(text)
		return func(ctx context.Context) error {
			got, err := rpc.Send(ctx, c.kafka, value)
			return check(bytes.Equal(got, value), len(got), err)
		}
	case side.Stream:
		rpc := count(at)
		return func(ctx context.Context) error {
			last := 0
			for n, err := range rpc.Stream(ctx, c.kafka, side.StreamLength) {
				if err := check(n == last+1, n, err); err != nil {
					return err
				}
				last = n
			}
			return check(last == side.StreamLength, last, nil)
		}
	case side.Events:
		e := event(at)
		return func(ctx context.Context) error {
			_, err := e.Emit(ctx, c.kafka, text)
			return err
		}
	default:
		var rpcs []siskin.RPC[[]float64, float64] // called in turn
		for _, pattern := range at.Called() {
			rpcs = append(rpcs, sum(pattern))
		}
		return func(ctx context.Context) error {
			rpc := &rpcs[0]
			if len(rpcs) > 1 {
				rpc = &rpcs[c.calls.Add(1)%uint64(len(rpcs))]
			}
			got, err := rpc.Send(ctx, c.kafka, []float64{1, 2, 3})
			return check(got == 6, got, err)
		}
	}
}

// silence is longer than any run.
const silence = 10 * time.Minute

// Wait waits for an answer that never comes.
func (c *client) Wait(ctx context.Context) error {
	_, err := c.silent.Send(ctx, c.kafka, []float64{1, 2, 3}, siskin.WithTimeout(silence))
	return err
}

func check(right bool, got any, err error) error {
	if err == nil && !right {
		return fmt.Errorf("%w: %v", errWrong, got)
	}
	return err
}

// Close closes the client.
func (c *client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.kafka.Close(ctx)
}
