package siskin_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// BenchmarkCall is what one request costs caller, service and embedded broker
// together, by how many calls are in flight. bench/ leaves the broker out.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkCall(b, callers) })
	}
}

func benchmarkCall(b *testing.B, callers int) {
	cfg := siskintest.Config(b)
	cfg.Logger = slog.New(slog.DiscardHandler)
	sum := siskin.NewRPC[[]float64, float64](siskintest.Name("sum"))
	svc, err := siskin.NewService(cfg)
	if err != nil {
		b.Fatal(err)
	}
	sum.Handle(svc, func(_ context.Context, all []float64) (float64, error) { return all[0] + all[1] + all[2], nil })
	siskintest.Run(b, svc)
	client := siskintest.Client(b, cfg)
	call := func() {
		if _, err := sum.Send(b.Context(), client, []float64{1, 2, 3}); err != nil {
			b.Error(err)
		}
	}
	inFlight(b, callers, call)
}

// inFlight does b.N times the same, n at once. The first time does not count: it makes
// topics and routes.
func inFlight(b *testing.B, n int, do func()) {
	do()
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range n {
		all.Go(func() {
			for range (b.N + i) / n {
				do()
			}
		})
	}
	all.Wait()
}
