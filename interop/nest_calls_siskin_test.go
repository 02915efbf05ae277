package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
)

// siskinPatterns is what the NestJS client sends to the Siskin service.
func siskinPatterns() []string {
	patterns := []string{"go.late", "go.each", "go.chain", "go.chain-fails", "go.noted", "go.gzip"}
	for _, e := range exchanges {
		patterns = append(patterns, "go."+e.name)
	}
	return patterns
}

func nestCallsSiskin(t *testing.T, n *nest) {
	n.nestServer(t)
	client := n.siskinClient(t)
	svc, err := siskin.NewService(n.cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{nest: n, client: n.nestClient(t), release: make(chan struct{}), noted: make(chan delivered, 100)}
	for _, e := range exchanges {
		e.handler(svc, n.topic("go."+e.name))
	}
	s.register(svc, client)
	siskintest.Run(t, svc)

	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) { s.check(t, "go."+e.name, e.request, e.values, e.err) })
	}
	t.Run("late-end", s.lateEnd)
	t.Run("values-as-they-come", s.eachAtOnce)
	t.Run("many-at-once", s.manyAtOnce)
	t.Run("chain", func(t *testing.T) { s.check(t, "go.chain", []int{3, 4}, list(`"7"`), "") })
	t.Run("chain-of-errors", func(t *testing.T) { s.check(t, "go.chain-fails", "x", nil, internalError) })
	t.Run("events", s.events)
	t.Run("request-to-events-only", s.requestToEvents)
	t.Run("event-to-requests", s.eventToRequests)
}

// served is a Siskin service that serves a NestJS client.
type served struct {
	*nest
	client  *peer.Client
	release chan struct{} // lets the handlers of go.late and go.each go on
	noted   chan delivered
}

// delivered is an event as a handler got it.
type delivered struct {
	Handler int
	Value   any
	Key     string
	Headers []siskin.Header
}

func (s *served) register(svc *siskin.Service, client *siskin.Client) {
	siskin.HandleStream(svc, s.topic("go.late"), func(ctx context.Context, _ any, send func(int) error) error {
		return errors.Join(send(1), send(2), s.wait(ctx))
	})
	siskin.HandleStream(svc, s.topic("go.each"), func(ctx context.Context, n int, send func(int) error) error {
		for i := range n {
			if err := errors.Join(s.wait(ctx), send(i)); err != nil {
				return err
			}
		}
		return nil
	})
	siskin.Handle(svc, s.topic("go.chain"), func(ctx context.Context, xs []float64) (float64, error) {
		return siskin.Send[float64](ctx, client, s.topic("sum"), xs)
	})
	siskin.Handle(svc, s.topic("go.chain-fails"), func(ctx context.Context, _ any) (any, error) {
		return siskin.Send[any](ctx, client, s.topic("fail.text"), "x")
	})
	for handler := 1; handler <= 2; handler++ {
		siskin.On(svc, s.topic("go.noted"), func(ctx context.Context, v any) error {
			d, _ := siskin.DeliveryFrom(ctx)
			s.noted <- delivered{handler, v, string(d.Key()), slices.Clone(d.Headers())}
			return nil
		})
	}
	siskin.Handle(svc, s.topic("go.accepts"), func(_ context.Context, v any) (any, error) {
		s.noted <- delivered{Handler: 3, Value: v}
		return v, nil
	})
}

func (s *served) wait(ctx context.Context) error {
	select {
	case <-s.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin starts a call and fails t when that cannot be done.
func (s *served) begin(t *testing.T, op, pattern string, data any) *peer.Call {
	t.Helper()
	call, err := s.client.Begin(op, pattern, data, patience)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// check makes a call and compares what the callbacks of the client got.
func (s *served) check(t *testing.T, pattern string, request any, values []string, failure string) {
	t.Helper()
	s.ended(t, s.begin(t, "send", pattern, request), values, failure)
}

func (s *served) ended(t *testing.T, call *peer.Call, values []string, failure string) {
	t.Helper()
	outcome, err := call.End(s.ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values, texts(outcome.Values)); diff != "" {
		t.Errorf("wrong values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(failure, string(outcome.Err)); diff != "" {
		t.Errorf("wrong error (-want +got):\n%s", diff)
	}
}

func texts(values []json.RawMessage) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// lateEnd is a stream that ends long after its last value: its mark goes alone,
// and NestJS hands it on as null.
func (s *served) lateEnd(t *testing.T) {
	call := s.begin(t, "send", "go.late", "x")
	if err := call.Values(s.ctx(t), 2); err != nil {
		t.Fatal(err)
	}
	s.release <- struct{}{}
	s.ended(t, call, list(`"1"`, `"2"`, `null`), "")
}

// eachAtOnce sends each value only when the client has the one before.
func (s *served) eachAtOnce(t *testing.T) {
	const n = 4
	call := s.begin(t, "send", "go.each", n)
	for i := range n {
		if err := call.Values(s.ctx(t), i); err != nil {
			t.Fatal(err)
		}
		s.release <- struct{}{}
	}
	s.ended(t, call, list(`"0"`, `"1"`, `"2"`, `"3"`), "")
}

func (s *served) manyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() { s.check(t, "go.double", i, list(fmt.Sprintf(`"%d"`, 2*i)), "") })
	}
	wg.Wait()
}
