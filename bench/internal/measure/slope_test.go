package measure

import "testing"

func TestSlope(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		xs, ys []float64
		want   float64
	}{
		{"nothing", nil, nil, 0},
		{"one point", []float64{1}, []float64{7}, 0},
		{"flat", []float64{1, 2, 3}, []float64{7, 7, 7}, 0},
		{"rises", []float64{1, 2, 4}, []float64{1, 3, 7}, 2},
		{"falls", []float64{4, 2, 1}, []float64{1, 3, 4}, -1},
		{"one wild point", []float64{1, 2, 3, 4, 5}, []float64{1, 2, 900, 4, 5}, 1},
	} {
		if got := Slope(tt.xs, tt.ys); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
