package program

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// many is the clients of one half, which take turns to call.
type many struct {
	clients []side.Client
	calls   atomic.Uint64
	waiting sync.WaitGroup
	stop    context.CancelFunc
}

// dial makes as many clients as the target wants, and its calls that wait.
func dial(s side.Side, at side.Target) (*many, error) {
	ctx, stop := context.WithCancel(context.Background())
	m := &many{stop: stop}
	for i := range max(at.Clients, 1) {
		c, err := s.Dial(ctx, at.ForClient(i))
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.clients = append(m.clients, c)
	}
	if err := m.wait(ctx, at.Waiting); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// wait begins n calls that nobody answers.
func (m *many) wait(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	w, ok := m.clients[0].(side.Waiter)
	if !ok {
		return fmt.Errorf("waiting=%d: this side has no calls that wait", n)
	}
	for range n {
		m.waiting.Go(func() { _ = w.Wait(ctx) }) // it ends with ctx, or the parent misses its request
	}
	return nil
}

// Call makes a call of the client whose turn it is.
func (m *many) Call(ctx context.Context) error {
	if len(m.clients) == 1 {
		return m.clients[0].Call(ctx)
	}
	return m.clients[m.calls.Add(1)%uint64(len(m.clients))].Call(ctx)
}

// Close closes all clients.
func (m *many) Close() error {
	m.stop()
	m.waiting.Wait()
	var errs []error
	for _, c := range m.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
