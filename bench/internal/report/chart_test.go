package report

import (
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func TestLabelsOfAnAxis(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ticks     plot.Ticker
		low, high float64
		want      string
	}{
		{logTicks{1, 64, 512}, 1, 512, "1 64 512"},
		{logTicks{}, 1, 10_000, "1 10 100 1000 10000"},
		{logTicks{}, 0.04, 1, "0.05 0.1 0.2 0.5 1"},
		{logTicks{}, 3, 40, "5 10 20"},
		{linearTicks{}, 0, 10, "0 2 4 6 8 10"},
		{linearTicks{}, 0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{linearTicks{}, 0, 25, "0 5 10 15 20 25"},
		{linearTicks{}, 0, 7, "0 1 2 3 4 5 6 7"},
	} {
		var labels []string
		for _, tick := range tt.ticks.Ticks(tt.low, tt.high) {
			labels = append(labels, strings.TrimSpace(tick.Label))
		}
		if want := strings.Fields(tt.want); !slices.Equal(labels, want) {
			t.Errorf("from %v to %v: %v, want %v", tt.low, tt.high, labels, want)
		}
	}
}
