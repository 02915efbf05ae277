// Package siskinside is Siskin as its documentation shows it, with its default
// settings.
package siskinside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// Side is Siskin.
type Side struct{}

// Name is "siskin".
func (Side) Name() string { return "siskin" }

func config(at side.Target) siskin.Config {
	return siskin.Config{
		Brokers: at.Brokers, ClientID: "bench", Group: at.Pattern, // the postfix makes it Target.Group
		StartFrom: "beginning", Logger: slog.New(slog.DiscardHandler),
	}
}

func contract(at side.Target) siskin.RPC[[]float64, float64] {
	return siskin.NewRPC[[]float64, float64](at.Pattern)
}

// Serve starts a service.
func (Side) Serve(_ context.Context, at side.Target) (side.Server, error) {
	svc, err := siskin.NewService(config(at))
	if err != nil {
		return nil, err
	}
	contract(at).Handle(svc, func(_ context.Context, numbers []float64) (float64, error) {
		if at.Delay > 0 {
			time.Sleep(at.Delay)
		}
		var sum float64
		for _, n := range numbers {
			sum += n
		}
		return sum, nil
	})
	ctx, stop := context.WithCancel(context.Background())
	s := &server{stop: stop, ended: make(chan error, 1)}
	go func() { s.ended <- svc.Run(ctx) }()
	return s, nil
}

type server struct {
	stop  context.CancelFunc
	ended chan error
}

// Close drains the service.
func (s *server) Close() error {
	s.stop()
	return <-s.ended
}

// Dial makes a client.
func (Side) Dial(_ context.Context, at side.Target) (side.Caller, error) {
	client, err := siskin.NewClient(config(at))
	if err != nil {
		return nil, err
	}
	return &caller{client: client, sum: contract(at)}, nil
}

type caller struct {
	client *siskin.Client
	sum    siskin.RPC[[]float64, float64]
}

var errWrongSum = errors.New("wrong sum")

// Call asks for the sum of 1, 2 and 3.
func (c *caller) Call(ctx context.Context) error { return c.call(ctx, c.sum) }

// CallOther asks for the same sum under another pattern.
func (c *caller) CallOther(ctx context.Context, pattern string) error {
	return c.call(ctx, siskin.NewRPC[[]float64, float64](pattern))
}

func (c *caller) call(ctx context.Context, rpc siskin.RPC[[]float64, float64]) error {
	sum, err := rpc.Send(ctx, c.client, []float64{1, 2, 3})
	if err != nil {
		return err
	}
	if sum != 6 {
		return fmt.Errorf("%w: %v", errWrongSum, sum)
	}
	return nil
}

// Close closes the client.
func (c *caller) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.client.Close(ctx)
}
