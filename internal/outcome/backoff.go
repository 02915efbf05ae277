package outcome

import (
	"math"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Exponential returns a policy that waits initial before the second attempt,
// twice as long before each further one, at most longest, with a jitter of a
// fifth so that many members do not knock at the same moment.
func Exponential(attempts int, initial, longest time.Duration) Policy {
	return Policy{
		Attempts: attempts,
		Delay: func(attempt int) time.Duration {
			grown := float64(initial) * math.Pow(2, float64(attempt-2))
			b := backoff.ExponentialBackOff{
				InitialInterval:     time.Duration(min(grown, float64(longest))),
				RandomizationFactor: 0.2,
				Multiplier:          1,
				MaxInterval:         longest,
			}
			return min(b.NextBackOff(), longest)
		},
	}
}
