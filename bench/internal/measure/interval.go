package measure

import (
	"math"
	"slices"
)

// Interval is where the median of many more rounds would lie.
type Interval struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Confidence float64 `json:"confidence"` // from 0 to 1
}

// wanted is the confidence that an interval has, if there are values enough.
const wanted = 0.9

// MedianInterval takes the bounds from the values themselves: the k-th smallest
// and the k-th largest, with the largest k that keeps the confidence at 0.9. It
// asks nothing of how the values are spread. Five values give their minimum and
// maximum, with a confidence of 0.94; fewer give less confidence. It is zero for
// none.
func MedianInterval(values []float64) Interval {
	n := len(values)
	if n == 0 {
		return Interval{}
	}
	sorted := slices.Sorted(slices.Values(values))
	k := 1
	for 2*(k+1) <= n && confidence(n, k+1) >= wanted {
		k++
	}
	return Interval{Low: sorted[k-1], High: sorted[n-k], Confidence: confidence(n, k)}
}

// confidence is the chance that a median lies between the k-th smallest and the
// k-th largest of n values: each is above it as often as below.
func confidence(n, k int) float64 {
	outside, ways := 0.0, 1.0 // ways to choose i of n
	for i := range k {
		outside += ways
		ways *= float64(n-i) / float64(i+1)
	}
	return max(1-2*outside/math.Pow(2, float64(n)), 0)
}
