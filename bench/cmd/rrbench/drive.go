package main

import (
	"context"
	"sync"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// workers are the latencies of as many callers, made before the measuring so
// that it allocates nothing.
type workers []measure.Histogram

func newWorkers(n int) workers { return make(workers, n) }

// merged is the latency of all callers.
func (w workers) merged() *measure.Histogram {
	var all measure.Histogram
	for i := range w {
		all.Merge(&w[i])
	}
	return &all
}

// drive keeps one call in flight for each worker for as long as d, and
// returns how long it took until the last of them was answered. The first
// error ends it.
func drive(ctx context.Context, caller side.Caller, w workers, d time.Duration) (time.Duration, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	begin := time.Now()
	end := begin.Add(d)
	var running sync.WaitGroup
	for i := range w {
		running.Go(func() {
			if err := callUntil(ctx, caller, &w[i], end); err != nil {
				stop(err)
			}
		})
	}
	running.Wait()
	return time.Since(begin), context.Cause(ctx)
}

func callUntil(ctx context.Context, caller side.Caller, h *measure.Histogram, end time.Time) error {
	for now := time.Now(); now.Before(end); {
		if err := caller.Call(ctx); err != nil {
			return err
		}
		then := now
		now = time.Now()
		h.Record(now.Sub(then))
	}
	return nil
}
