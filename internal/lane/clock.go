package lane

import "time"

// clock tells a worker the time. To read the monotonic clock alone takes half as long as
// both. The wall clock can be set, so it is read again now and then.
type clock struct{ read time.Time }

// wall is how long a reading of the wall clock counts.
const wall = 100 * time.Millisecond

func newClock() clock { return clock{time.Now()} }

func (c *clock) now() time.Time {
	since := time.Since(c.read)
	if since < wall {
		return c.read.Add(since)
	}
	c.read = time.Now()
	return c.read
}
