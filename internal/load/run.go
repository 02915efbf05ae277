package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what a run brought.
type Result struct {
	Latencies Histogram     // of calls without an error
	Took      time.Duration // until the last call was answered
	Failed    uint64
	Err       error // the first one
}

// PerSecond is how many calls without an error were answered in a second.
func (r *Result) PerSecond() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Latencies.Count()) / r.Took.Seconds()
}

// Run makes calls as the plan says, until it is carried out or ctx ends. Calls
// that the end of ctx breaks off are not counted, neither as answered nor as
// failed. call is used by Plan.InFlight goroutines at a time, and all of them
// have ended when Run returns.
func Run(ctx context.Context, plan Plan, call func(context.Context) error) (*Result, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sheets := make([]sheet, min(plan.InFlight, mostSheets)) // before the clock starts
	r := &run{plan: plan, call: call, stop: stop, begin: time.Now()}
	var running sync.WaitGroup
	for i := range plan.InFlight {
		running.Go(func() { r.work(ctx, &sheets[i%len(sheets)]) })
	}
	running.Wait()
	res := &Result{Took: time.Since(r.begin)}
	for i := range sheets {
		res.Latencies.Merge(&sheets[i].latencies)
		res.Failed += sheets[i].failed
	}
	if first := r.err.Load(); first != nil {
		res.Err = *first
	}
	return res, nil
}

// run is what the workers share.
type run struct {
	plan  Plan
	call  func(context.Context) error
	stop  context.CancelFunc
	begin time.Time
	begun atomic.Uint64
	err   atomic.Pointer[error]
}

// mostSheets bounds the memory for latencies: each histogram takes 17 KiB, and
// there can be 10,000 calls in flight.
const mostSheets = 64

// sheet is where some of the workers note what their calls brought.
type sheet struct {
	mu        sync.Mutex
	latencies Histogram
	failed    uint64
}

func (s *sheet) note(took time.Duration, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed {
		s.failed++
		return
	}
	s.latencies.Record(took)
}

// work has one call in flight at a time.
func (r *run) work(ctx context.Context, s *sheet) {
	for {
		due, ok := r.next(ctx)
		if !ok {
			return
		}
		err := r.call(ctx)
		if err != nil && ctx.Err() != nil {
			return
		}
		s.note(time.Since(due), err != nil)
		if err != nil {
			r.fail(err)
		}
	}
}

// next waits until the next call is due and returns when that is. It is false
// when there is none.
func (r *run) next(ctx context.Context) (due time.Time, ok bool) {
	n := r.begun.Add(1) - 1
	if ctx.Err() != nil || r.plan.Count > 0 && n >= r.plan.Count {
		return due, false
	}
	due = time.Now()
	if r.plan.Rate > 0 {
		due = r.begin.Add(r.plan.due(n))
	}
	if r.plan.Duration > 0 && max(due.Sub(r.begin), time.Since(r.begin)) >= r.plan.Duration {
		return due, false
	}
	return due, wait(ctx, time.Until(due))
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) fail(err error) {
	r.err.CompareAndSwap(nil, &err)
	if r.plan.StopOnError {
		r.stop()
	}
}
