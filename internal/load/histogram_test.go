package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesOfFewValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		{"nothing", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.5, 7},
		{"one, low", []time.Duration{7}, 0, 7},
		{"two, median is the lower", []time.Duration{10, 20}, 0.5, 10},
		{"three", []time.Duration{30, 10, 20}, 0.5, 20},
		{"p99 of a hundred is the 99th", ascending(100), 0.99, 99},
		{"p99.9 of a hundred is the last", ascending(100), 0.999, 100},
		{"maximum", ascending(100), 1, 100},
		{"negative counts as zero", []time.Duration{-5}, 0.5, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h Histogram
			for _, v := range tt.values {
				h.Record(v)
			}
			if got := h.Quantile(tt.q); got != tt.want {
				t.Errorf("quantile %v is %d, want %d", tt.q, got, tt.want)
			}
		})
	}
}

// ascending is 1 to n nanoseconds.
func ascending(n int) []time.Duration {
	values := make([]time.Duration, n)
	for i := range values {
		values[i] = time.Duration(i + 1)
	}
	return values
}

func TestSlotsCoverEverything(t *testing.T) {
	t.Parallel()
	for i := range slots - 1 {
		end := slotEnd(i)
		if slot(end) != i || slot(end+1) != i+1 {
			t.Fatalf("slot %d ends at %d, which is in slot %d; the next value is in slot %d", i, end, slot(end), slot(end+1))
		}
	}
	if got := slot(math.MaxInt64); got != slots-1 {
		t.Errorf("the longest duration is in slot %d, want %d", got, slots-1)
	}
}

// The histogram agrees with sorting all values, to its precision.
func TestQuantilesAgainstSorting(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var whole Histogram
	var parts [3]Histogram
	var values []time.Duration
	for i := range 20_000 {
		v := time.Duration(math.Exp(random.Float64() * 25)) // 1 ns to 72 s, every size alike
		values = append(values, v)
		whole.Record(v)
		parts[i%len(parts)].Record(v)
	}
	slices.Sort(values)
	var merged Histogram
	for i := range parts {
		merged.Merge(&parts[i])
	}
	if merged != whole {
		t.Error("merging parts is not the same as recording everything in one")
	}
	for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := values[max(int(math.Ceil(q*float64(len(values)))), 1)-1]
		got := whole.Quantile(q)
		if got < exact || float64(got) > float64(exact)*(1+1.0/steps) {
			t.Errorf("quantile %v is %v, exactly %v", q, got, exact)
		}
	}
	if whole.Count() != 20_000 || whole.Max() != values[len(values)-1] {
		t.Errorf("count %d, max %v", whole.Count(), whole.Max())
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Record(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
