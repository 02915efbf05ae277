package report

import (
	"fmt"
	"math"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/rounds"
)

// Trend is how a figure of a long run goes in its second half.
type Trend struct {
	What   string  `json:"what"`
	Median float64 `json:"median"`
	Rise   float64 `json:"rise"` // from the half to the end, by the slope of all samples between
	Most   float64 `json:"most"` // that is still flat
	Flat   bool    `json:"flat"`
	unit   unit
}

// unit is how a figure is written.
type unit struct {
	name  string
	value float64
}

var (
	mebibytes = unit{" MiB", 1 << 20}
	pieces    = unit{"", 1}
)

func (u unit) text(f float64) string {
	return fmt.Sprintf("%.2f%s", math.Round(100*f/u.value)/100+0, u.name) // + 0 turns -0 into 0
}

// String is a trend as a line of text.
func (t Trend) String() string {
	word := "grows"
	if t.Flat {
		word = "flat"
	}
	return fmt.Sprintf("%s: %s, rises by %s in the second half (at most %s: %s)",
		t.What, t.unit.text(t.Median), t.unit.text(t.Rise), t.unit.text(t.Most), word)
}

// trends are those of all figures that must not rise. What is still flat is a
// share of the figure, or a little where the figure is small.
func trends(samples []rounds.Sample) []Trend {
	var all []Trend
	for _, f := range []struct {
		what   string
		unit   unit
		of     func(rounds.Holding) float64
		share  float64
		little float64
	}{
		{"heap", mebibytes, heapOf, 0.05, 256 << 10},
		{"goroutines", pieces, func(h rounds.Holding) float64 { return float64(h.Goroutines) }, 0, 1},
		{"memory", mebibytes, residentOf, 0.1, 4 << 20},
	} {
		for _, half := range []struct {
			name string
			of   func(rounds.Sample) rounds.Holding
		}{
			{"server", func(s rounds.Sample) rounds.Holding { return s.Server }},
			{"client", func(s rounds.Sample) rounds.Holding { return s.Client }},
		} {
			t := trend(samples, func(s rounds.Sample) float64 { return f.of(half.of(s)) })
			t.What, t.unit = half.name+"'s "+f.what, f.unit
			t.Most = max(t.Median*f.share, f.little)
			t.Flat = t.Rise <= t.Most
			all = append(all, t)
		}
	}
	return all
}

func heapOf(h rounds.Holding) float64 { return float64(h.Heap) }

func residentOf(h rounds.Holding) float64 { return float64(h.Resident) }

// trend looks at the second half of the samples.
func trend(samples []rounds.Sample, figure func(rounds.Sample) float64) Trend {
	var xs, ys []float64
	for _, s := range samples[len(samples)/2:] {
		xs, ys = append(xs, float64(s.Requests)), append(ys, figure(s))
	}
	if len(xs) == 0 {
		return Trend{}
	}
	return Trend{Median: measure.SpreadOf(ys).Median, Rise: measure.Slope(xs, ys) * (xs[len(xs)-1] - xs[0])}
}
