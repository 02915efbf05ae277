package load

import (
	"math"
	"math/bits"
	"time"
)

const (
	subBits = 7 // 128 steps per power of two: values are exact to 1/128
	steps   = 1 << subBits
	maxBits = 40 // values up to 2^40 ns, 18 minutes; longer ones count as that
	slots   = (maxBits - subBits + 1) * steps
)

// Histogram counts durations, exact to 0.8 %, in constant space and without
// allocating. The zero value is empty. It is not safe for concurrent use:
// give each goroutine its own and Merge them, or use a lock.
type Histogram struct {
	counts [slots]uint32
	total  uint64
	max    time.Duration
}

// Record counts one duration. A negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[slot(d)]++
	h.total++
	h.max = max(h.max, d)
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Max is the longest duration, exactly; 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the smallest duration that at least the share q of all
// durations do not exceed: 0.5 is the median, 1 the maximum. It is rounded up
// to the histogram's step, and 0 if nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := max(uint64(math.Ceil(q*float64(h.total))), 1)
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return min(slotEnd(i), h.max)
		}
	}
	return h.max
}

// slot is the index that counts d. The first slots are one nanosecond wide;
// from 2^subBits on each power of two has as many slots.
func slot(d time.Duration) int {
	v := min(uint64(d), 1<<maxBits-1)
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift*steps + int(v>>shift)
}

// slotEnd is the longest duration that slot i counts.
func slotEnd(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i)
	}
	shift := i/steps - 1
	first := uint64(i-shift*steps) << shift
	return time.Duration(first + 1<<shift - 1)
}
