package load

import (
	"errors"
	"fmt"
	"time"
)

// Plan says how much load there is to be. It must be bounded by Duration, by
// Count or by the context that it runs in.
type Plan struct {
	// InFlight is the most calls at a time, at least 1.
	InFlight int

	// Duration is how long calls are begun; 0 is without end. What is in
	// flight then is waited for.
	Duration time.Duration

	// Count is how many calls are begun; 0 is without end.
	Count uint64

	// Rate is how many calls a second are due. A call that is late because
	// others are still in flight is measured from when it was due, so that a
	// slow answer is not hidden by the calls that it held up. Calls that Duration
	// leaves no time for are not made, so fewer than Rate a second were. 0 is no
	// schedule: each answer begins the next call.
	Rate float64

	// StopOnError ends the run at the first failed call. Without it failed
	// calls are counted.
	StopOnError bool
}

// Validate names what is wrong.
func (p Plan) Validate() error {
	var errs []error
	if p.InFlight < 1 {
		errs = append(errs, fmt.Errorf("%d in flight: must be at least 1", p.InFlight))
	}
	if p.Duration < 0 {
		errs = append(errs, fmt.Errorf("a duration of %v: must not be negative", p.Duration))
	}
	if p.Rate < 0 || p.Rate > maxRate {
		errs = append(errs, fmt.Errorf("%g calls a second: must be from 0 to %g", p.Rate, float64(maxRate)))
	}
	return errors.Join(errs...)
}

// maxRate keeps a call's due time a whole number of nanoseconds.
const maxRate = 1e9

// due is when call n is due after the beginning.
func (p Plan) due(n uint64) time.Duration {
	return time.Duration(float64(n) / p.Rate * float64(time.Second))
}
