package siskin_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// What one event costs its service, the fetch included: by itself, and in batches.
// The records are there before the clock runs; those of an embedded broker count its
// own work too.
func BenchmarkEvents(b *testing.B) {
	b.Run("On", func(b *testing.B) {
		measure(b, func(svc *siskin.Service, topic siskin.Event[int], done func(int)) {
			topic.On(svc, func(context.Context, int) error { done(1); return nil })
		})
	})
	for _, size := range []int{10, 100, 1_000} {
		b.Run(fmt.Sprintf("OnBatch=%d", size), func(b *testing.B) {
			measure(b, func(svc *siskin.Service, topic siskin.Event[int], done func(int)) {
				topic.OnBatch(svc, func(_ context.Context, values []int) error { done(len(values)); return nil }, siskin.BatchSize(size))
			})
		})
	}
}

func measure(b *testing.B, handle func(*siskin.Service, siskin.Event[int], func(int))) {
	cfg := siskintest.Config(b)
	cfg.Logger, cfg.StartFrom = slog.New(slog.DiscardHandler), "beginning"
	topic := siskin.NewEvent[int](siskintest.Name("events"))
	client := siskintest.Client(b, cfg)
	values := make([]int, 1_000)
	for sent := 0; sent < b.N; sent += len(values) {
		if _, err := topic.EmitBatch(b.Context(), client, values[:min(len(values), b.N-sent)], siskin.WithKey("k")); err != nil {
			b.Fatal(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	all := make(chan struct{})
	svc, err := siskin.NewService(cfg)
	if err != nil {
		b.Fatal(err)
	}
	handle(svc, topic, func(n int) {
		if left.Add(-int64(n)) == 0 {
			close(all)
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	siskintest.Run(b, svc)
	<-all
	b.StopTimer()
}
