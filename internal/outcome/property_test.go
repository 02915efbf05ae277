package outcome_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
	"pgregory.net/rapid"
)

// drawError is what a handler may return: nothing, a plain error, or an
// instruction, wrapped or not.
func drawError(t *rapid.T) error {
	err := rapid.SampledFrom([]error{
		nil, errCause, outcome.DropError(errCause), outcome.DropError(nil), outcome.DeadLetterError(errCause),
		outcome.RetryError(time.Second, errCause), outcome.RetryError(-1, nil),
	}).Draw(t, "error")
	for range rapid.IntRange(0, 2).Draw(t, "wraps") {
		if err != nil {
			err = rapid.SampledFrom([]error{fmt.Errorf("w: %w", err), errors.Join(errCause, err)}).Draw(t, "wrapped")
		}
	}
	return err
}

// Whatever its handler returns, attempt after attempt, a record comes to a final
// step within its attempts, and what is final fits its kind.
func TestEachRecordComesToAnEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]outcome.Kind{outcome.Event, outcome.Request}).Draw(t, "kind")
		policy := linear(rapid.IntRange(1, 10).Draw(t, "attempts"))
		for attempt := 1; ; attempt++ {
			v := outcome.Verdict{Err: drawError(t), Permanent: rapid.Bool().Draw(t, "permanent")}
			action := outcome.Decide(kind, attempt, v, policy)
			if again := outcome.Decide(kind, attempt, v, policy); again != action {
				t.Fatalf("the same question has two answers: %v and %v", action, again)
			}
			if action.Step == outcome.Retry {
				if attempt >= policy.Attempts || action.Delay < 0 {
					t.Fatalf("attempt %d of %d is tried again after %v", attempt, policy.Attempts, action.Delay)
				}
				continue
			}
			check(t, kind, v, action)
			return
		}
	})
}

func check(t *rapid.T, kind outcome.Kind, v outcome.Verdict, action outcome.Action) {
	switch {
	case (v.Err == nil) != (action.Step == outcome.Done):
		t.Fatalf("the error %v ends as %v", v.Err, action.Step)
	case action.Step == outcome.Fault && kind == outcome.Event:
		t.Fatal("an event is answered")
	case action.Delay != 0:
		t.Fatalf("the final step %v has a delay of %v", action.Step, action.Delay)
	}
}
