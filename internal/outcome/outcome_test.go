package outcome_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
)

var errCause = errors.New("no stock")

// linear waits a second before the second attempt, two before the third, …
func linear(attempts int) outcome.Policy {
	return outcome.Policy{
		Attempts: attempts,
		Delay:    func(attempt int) time.Duration { return time.Duration(attempt-1) * time.Second },
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		event   = outcome.Event
		request = outcome.Request
	)
	after := func(d time.Duration) outcome.Action { return outcome.Action{Step: outcome.Retry, Delay: d} }
	is := func(s outcome.Step) outcome.Action { return outcome.Action{Step: s} }
	plain := outcome.Verdict{Err: errCause}
	permanent := outcome.Verdict{Err: errCause, Permanent: true}
	author := func(err error) outcome.Verdict { return outcome.Verdict{Err: err} }
	retry := author(outcome.RetryError(time.Minute, errCause))

	for _, tt := range []struct {
		name     string
		kind     outcome.Kind
		attempt  int
		attempts int
		verdict  outcome.Verdict
		want     outcome.Action
	}{
		{"an event is done", event, 1, 5, outcome.Verdict{}, is(outcome.Done)},
		{"an event is done at last", event, 5, 5, outcome.Verdict{}, is(outcome.Done)},
		{"a request is done", request, 1, 1, outcome.Verdict{}, is(outcome.Done)},
		{"no error is never permanent", event, 1, 5, outcome.Verdict{Permanent: true}, is(outcome.Done)},

		{"an event is retried", event, 1, 5, plain, after(time.Second)},
		{"an event is retried more slowly", event, 4, 5, plain, after(4 * time.Second)},
		{"an event is retried often enough", event, 5, 5, plain, is(outcome.DeadLetter)},
		{"an event beyond its attempts", event, 9, 5, plain, is(outcome.DeadLetter)},
		{"an event of one attempt", event, 1, 1, plain, is(outcome.DeadLetter)},
		{"an event that can never work", event, 1, 5, permanent, is(outcome.DeadLetter)},

		{"a request is answered with its error", request, 1, 5, plain, is(outcome.Fault)},
		{"a request of one attempt", request, 1, 1, plain, is(outcome.Fault)},
		{"a request that can never work", request, 1, 5, permanent, is(outcome.Fault)},

		{"an event is retried by its author", event, 1, 5, retry, after(time.Minute)},
		{"an event is retried by its author for the last time", event, 4, 5, retry, after(time.Minute)},
		{"an event is retried by its author too often", event, 5, 5, retry, is(outcome.DeadLetter)},
		{"a request is retried by its author", request, 1, 5, retry, after(time.Minute)},
		{"a request is retried by its author too often", request, 5, 5, retry, is(outcome.Fault)},
		{"a request of one attempt is not retried", request, 1, 1, retry, is(outcome.Fault)},
		{"at once", event, 1, 5, author(outcome.RetryError(0, errCause)), after(0)},
		{"a negative delay is none", event, 1, 5, author(outcome.RetryError(-time.Hour, errCause)), after(0)},

		{"an event is dropped", event, 1, 5, author(outcome.DropError(errCause)), is(outcome.Drop)},
		{"a request is dropped", request, 1, 5, author(outcome.DropError(errCause)), is(outcome.Drop)},
		{"an event is dead-lettered at once", event, 1, 5, author(outcome.DeadLetterError(errCause)), is(outcome.DeadLetter)},
		{"a request is dead-lettered", request, 1, 5, author(outcome.DeadLetterError(errCause)), is(outcome.DeadLetter)},
		{"without a reason", event, 1, 5, author(outcome.DropError(nil)), is(outcome.Drop)},

		{"wrapped", request, 1, 5, author(fmt.Errorf("save: %w", outcome.DropError(errCause))), is(outcome.Drop)},
		{"joined", event, 1, 5, author(errors.Join(errCause, outcome.DeadLetterError(errCause))), is(outcome.DeadLetter)},
		{"the outer one counts", event, 1, 5, author(outcome.DropError(outcome.RetryError(1, errCause))), is(outcome.Drop)},
		{
			"the author knows better than the rule", event, 1, 5,
			outcome.Verdict{Err: outcome.RetryError(time.Minute, errCause), Permanent: true},
			after(time.Minute),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := outcome.Decide(tt.kind, tt.attempt, tt.verdict, linear(tt.attempts)); got != tt.want {
				t.Errorf("Decide = %v after %v, want %v after %v", got.Step, got.Delay, tt.want.Step, tt.want.Delay)
			}
		})
	}
}

// A policy without a Delay is enough where nothing is retried.
func TestDecideAsksForTheDelayOnlyToRetry(t *testing.T) {
	t.Parallel()
	once := outcome.Policy{Attempts: 1}
	for _, err := range []error{nil, errCause, outcome.DropError(errCause), outcome.RetryError(time.Second, errCause)} {
		outcome.Decide(outcome.Event, 1, outcome.Verdict{Err: err}, once)
		outcome.Decide(outcome.Request, 1, outcome.Verdict{Err: err}, once)
	}
}

func TestInstructionsAreErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		text string
	}{
		{outcome.DropError(errCause), "no stock"},
		{outcome.DeadLetterError(errCause), "no stock"},
		{outcome.RetryError(time.Second, errCause), "no stock"},
		{outcome.DropError(nil), "drop"},
		{outcome.DeadLetterError(nil), "dead-letter"},
		{outcome.RetryError(time.Second, nil), "retry"},
	} {
		if got := tt.err.Error(); got != tt.text {
			t.Errorf("Error = %q, want %q", got, tt.text)
		}
		if want := tt.text == "no stock"; errors.Is(tt.err, errCause) != want {
			t.Errorf("errors.Is(%v, its cause) = %v, want %v", tt.err, !want, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]fmt.Stringer{
		"event": outcome.Event, "request": outcome.Request,
		"done": outcome.Done, "reply": outcome.Fault, "retry": outcome.Retry,
		"dead-letter": outcome.DeadLetter, "drop": outcome.Drop,
	} {
		if got.String() != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}
