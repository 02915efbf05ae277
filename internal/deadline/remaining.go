package deadline

import "time"

// clockSkew is how far the clocks of a caller and its service may differ before
// a request is dropped too soon.
const clockSkew = 5 * time.Second

// Remaining is how long the caller of a request sent at the time given still
// waits, or zero when it did not say, and whether it has certainly given up.
func Remaining(sent time.Time, timeout time.Duration, now time.Time) (left time.Duration, expired bool) {
	if timeout <= 0 {
		return 0, false
	}
	age := max(0, now.Sub(sent)-clockSkew)
	return max(timeout-age, time.Millisecond), age > timeout
}
