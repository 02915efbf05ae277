package load_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/load"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin runs a plan in virtual time, against a service that takes 10 ms a call.
func begin(t *testing.T, plan load.Plan) (res *load.Result, most int32) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var now, highest atomic.Int32
		var err error
		res, err = load.Run(t.Context(), plan, func(context.Context) error {
			highest.Store(max(highest.Load(), now.Add(1)))
			time.Sleep(10 * time.Millisecond)
			now.Add(-1)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		most = highest.Load()
	})
	return res, most
}

func TestEachAnswerBeginsTheNextCall(t *testing.T) {
	t.Parallel()
	res, most := begin(t, load.Plan{InFlight: 4, Duration: time.Second})
	if got := res.Latencies.Count(); got != 400 || most != 4 || res.Took != time.Second || res.PerSecond() != 400 {
		t.Errorf("%d calls, %d at a time, in %v", got, most, res.Took)
	}
	if res.Latencies.Max() != 10*time.Millisecond {
		t.Errorf("the longest took %v", res.Latencies.Max())
	}
}

func TestNoMoreCallsThanAskedFor(t *testing.T) {
	t.Parallel()
	for _, plan := range []load.Plan{{InFlight: 3, Count: 10}, {InFlight: 20, Count: 10}, {InFlight: 3, Count: 10, Rate: 50}} {
		if res, _ := begin(t, plan); res.Latencies.Count() != 10 {
			t.Errorf("%+v: %d calls", plan, res.Latencies.Count())
		}
	}
}

func TestCallsAreDueByTheirRate(t *testing.T) {
	t.Parallel()
	res, most := begin(t, load.Plan{InFlight: 8, Duration: time.Second, Rate: 50})
	if got := res.Latencies.Count(); got != 50 || most != 1 || res.Latencies.Max() != 10*time.Millisecond {
		t.Errorf("%d calls, %d at a time, the longest %v", got, most, res.Latencies.Max())
	}
}

// One at a time, 100 a second can be answered. Of 200 a second half of them are, the last one half a second late.
func TestLateCallsAreMeasuredFromWhenTheyWereDue(t *testing.T) {
	t.Parallel()
	res, _ := begin(t, load.Plan{InFlight: 1, Duration: time.Second, Rate: 200})
	if res.Latencies.Count() != 100 || res.Took != time.Second || res.Latencies.Max() != 505*time.Millisecond {
		t.Errorf("%d calls in %v, the longest %v", res.Latencies.Count(), res.Took, res.Latencies.Max())
	}
}

var errNo = errors.New("no")

func TestFailedCallsAreCounted(t *testing.T) {
	t.Parallel()
	var n atomic.Uint64
	second := func(context.Context) error {
		if n.Add(1)%2 == 0 {
			return errNo
		}
		return nil
	}
	res, err := load.Run(t.Context(), load.Plan{InFlight: 1, Count: 10}, second)
	if err != nil || res.Failed != 5 || res.Latencies.Count() != 5 || !errors.Is(res.Err, errNo) {
		t.Errorf("%v, %v: %d failed", err, res.Err, res.Failed)
	}
	res, err = load.Run(t.Context(), load.Plan{InFlight: 1, Count: 10, StopOnError: true}, second)
	if err != nil || res.Failed != 1 || res.Latencies.Count() != 1 {
		t.Errorf("%v: %d failed, %d answered, want to stop at the first", err, res.Failed, res.Latencies.Count())
	}
}

func TestCallsThatAreBrokenOffAreNotCounted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Add(3)
	go func() {
		waiting.Wait()
		cancel()
	}()
	res, err := load.Run(ctx, load.Plan{InFlight: 3}, func(ctx context.Context) error {
		waiting.Done()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil || res.Latencies.Count() != 0 || res.Failed != 0 || res.PerSecond() != 0 {
		t.Errorf("%v, %+v", err, res.Err)
	}
}

func TestWrongPlans(t *testing.T) {
	t.Parallel()
	for _, plan := range []load.Plan{{}, {InFlight: -1}, {InFlight: 1, Duration: -1}, {InFlight: 1, Rate: -1}, {InFlight: 1, Rate: 1e10}} {
		if _, err := load.Run(t.Context(), plan, nil); err == nil {
			t.Errorf("%+v: no error", plan)
		}
	}
}
