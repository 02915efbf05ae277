package serving

import (
	"errors"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
)

// result is how a handler ended. With abandoned, the partition was given up
// while it ran: nothing was concluded and the record will be delivered again.
type result struct {
	attempts  int
	err       error
	step      outcome.Step
	delay     time.Duration // with outcome.Retry
	stored    bool          // the record waits in a retry topic
	abandoned bool
}

// with joins the results of two handlers of one event: the worse one names it.
func (r result) with(other result) result {
	return result{
		attempts: r.attempts + other.attempts,
		step:     worse(r.step, other.step),
		err:      errors.Join(r.err, other.err),
	}
}

// orLater joins the results of two handlers that are to run again: both do when the
// later one is due.
func (r result) orLater(other result) result {
	other.delay, other.err = max(r.delay, other.delay), errors.Join(r.err, other.err)
	return other
}

func worse(a, b outcome.Step) outcome.Step {
	if a == outcome.DeadLetter || b == outcome.Done {
		return a
	}
	return b
}

func (r result) how() string {
	switch r.step {
	case outcome.DeadLetter:
		return "dead-lettered"
	case outcome.Drop:
		return "dropped"
	}
	return "done"
}
