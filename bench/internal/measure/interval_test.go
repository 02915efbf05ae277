package measure

import (
	"math"
	"testing"
)

func TestMedianInterval(t *testing.T) {
	t.Parallel()
	tests := []struct {
		values    []float64
		low, high float64
		percent   float64
	}{
		{nil, 0, 0, 0},
		{[]float64{3}, 3, 3, 0},
		{[]float64{3, 1}, 1, 3, 50},
		{[]float64{5, 1, 4, 2, 3}, 1, 5, 93.75},
		{[]float64{1, 2, 3, 4, 5, 6, 7}, 1, 7, 98.44},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 2, 7, 92.97},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 3, 9, 93.46},
	}
	for _, tt := range tests {
		got := MedianInterval(tt.values)
		if got.Low != tt.low || got.High != tt.high || math.Abs(100*got.Confidence-tt.percent) > 0.01 {
			t.Errorf("%v: %+v, want %v to %v with %v %%", tt.values, got, tt.low, tt.high, tt.percent)
		}
	}
}
