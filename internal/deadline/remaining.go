package deadline

import "time"

// clockSkew is how far the clocks of a caller and its service may differ before
// a request is dropped too soon.
const clockSkew = 5 * time.Second

// Remaining is how long the caller of a request sent at the time given still
// waits, or zero when it did not say, and whether it has certainly given up. A
// time that is not after the beginning of 1970 stands for a record without a
// timestamp, which has no age.
func Remaining(sent time.Time, timeout time.Duration, now time.Time) (left time.Duration, expired bool) {
	if timeout <= 0 {
		return 0, false
	}
	age := time.Duration(0)
	// Compared before anything is subtracted: a difference has an end, and a peer
	// can write any time.
	if since := now.Sub(sent); since > clockSkew && sent.UnixMilli() > 0 {
		age = since - clockSkew
	}
	return max(timeout-age, time.Millisecond), age > timeout
}
