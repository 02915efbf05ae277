package measure

import (
	"slices"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		values  []float64
		want    Spread
		percent float64
	}{
		{nil, Spread{}, 0},
		{[]float64{5}, Spread{5, 5, 5}, 0},
		{[]float64{9, 1, 5}, Spread{5, 1, 9}, 160},
		{[]float64{4, 2}, Spread{3, 2, 4}, 200.0 / 3},
		{[]float64{-1, 1}, Spread{0, -1, 1}, 0},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.values)
		got := SpreadOf(tt.values)
		if got != tt.want || got.Percent() != tt.percent {
			t.Errorf("%v: %+v, %v %%, want %+v, %v %%", tt.values, got, got.Percent(), tt.want, tt.percent)
		}
		if !slices.Equal(before, tt.values) {
			t.Errorf("%v was changed to %v", before, tt.values)
		}
	}
}

func TestAllocs(t *testing.T) {
	before := OwnAllocs()
	sink = make([]byte, 1<<20)
	if used := OwnAllocs().Since(before); used.Objects == 0 || used.Bytes < 1<<20 {
		t.Errorf("%+v", used)
	}
}

var sink []byte
