package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/siskin-go/siskin"
)

func (s *service) event(ctx context.Context, i int, does string, j job, tries *sync.Map) error {
	switch does {
	case "empty":
		s.journal.add(entry{Did: "start", Handler: i})
		return nil
	case "commit":
		d, _ := siskin.DeliveryFrom(ctx)
		err := d.Commit(ctx)
		s.journal.add(entry{Did: "end", Handler: i})
		return err
	case "fail-once":
		j.BadOnce = true
	}
	return s.work(ctx, i, j, tries)
}

// work does what its payload says.
func (s *service) work(ctx context.Context, i int, j job, tries *sync.Map) error {
	n, _ := tries.LoadOrStore(j.N, 0)
	attempt := n.(int) + 1
	tries.Store(j.N, attempt)
	s.journal.add(entry{Did: "start", Handler: i, N: j.N, Attempt: attempt})
	select {
	case <-time.After(time.Duration(j.Ms) * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	if j.Gated {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if j.Bad || j.BadOnce && attempt == 1 {
		return errors.New("bad")
	}
	s.journal.add(entry{Did: "end", Handler: i, N: j.N, Attempt: attempt})
	return nil
}

func (s *service) request(
	to *siskin.Service, i int, topic, does string, tries *sync.Map, opts []siskin.HandlerOption,
) {
	switch does {
	case "work":
		siskin.Handle(to, topic, func(ctx context.Context, j job) (int, error) {
			return j.N, s.work(ctx, i, j, tries)
		}, opts...)
	case "length":
		siskin.Handle(to, topic, func(_ context.Context, text string) (int, error) { return len(text), nil })
	case "ticks":
		siskin.HandleStream(to, topic, s.ticks)
	case "gated-stream":
		siskin.HandleStream(to, topic, s.gatedStream)
	default:
		siskin.Handle(to, topic, fixed[does])
	}
}

// ticks are so many that no server closes before they are over.
const ticks = 100

func (s *service) ticks(ctx context.Context, _ any, send func(int) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := range ticks {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := send(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) gatedStream(ctx context.Context, _ any, send func(int) error) error {
	if err := send(1); err != nil {
		return err
	}
	select {
	case <-s.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	return send(2)
}

// fixed are the handlers that always do the same.
var fixed = map[string]func(context.Context, json.RawMessage) (any, error){
	"echo":         func(_ context.Context, v json.RawMessage) (any, error) { return []byte(v), nil },
	"value-field":  gives(map[string]any{"value": 5, "currency": "USD"}),
	"unencodable":  gives(map[string]any{"n": math.Inf(1)}),
	"typed-array":  gives([]byte{1, 2}),
	"map":          gives(map[string]int{"a": 1}),
	"date":         gives(time.Unix(0, 0).UTC()),
	"empty-filter": fails(siskin.Errorf(siskin.CodeConflict, "%s", "")),
	// There are no filters that could make a number of an error.
	"number-filter": fails(siskin.Errorf(siskin.CodeConflict, "%d", 7)),
	"inner":         fails(siskin.Errorf(siskin.CodeConflict, "%w", errors.New("inner"))),
	"nothing": func(_ context.Context, v json.RawMessage) (any, error) {
		if v == nil {
			return "nothing", nil
		}
		return "something", nil
	},
	"headers": func(ctx context.Context, _ json.RawMessage) (any, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		var values []string
		for _, h := range d.Headers() {
			if h.Key == "h" {
				values = append(values, string(h.Value))
			}
		}
		return values, nil
	},
}

func gives(v any) func(context.Context, json.RawMessage) (any, error) {
	return func(context.Context, json.RawMessage) (any, error) { return v, nil }
}

func fails(err error) func(context.Context, json.RawMessage) (any, error) {
	return func(context.Context, json.RawMessage) (any, error) { return nil, err }
}
