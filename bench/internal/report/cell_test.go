package report

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/program"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

func at(side, name string, round int, count uint64, p50 time.Duration) rounds.Run {
	return rounds.Run{Broker: "b", Work: name, Side: side, Round: round, Figures: program.Figures{Count: count, Took: time.Second, P50: p50}}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	t.Parallel()
	runs := []rounds.Run{
		at("raw", "call", 1, 100, 1), at("new", "call", 1, 90, 1),
		at("new", "call", 2, 10, 1), at("raw", "call", 2, 20, 1), // a slow minute
		at("raw", "cold", 1, 1, 10), at("new", "cold", 1, 1, 30),
		{Broker: "b", Work: "call", Side: "old", Round: 1, Missing: "too old"},
	}
	cells := Summarize(runs, []work.Work{{Name: "call", Kind: work.Load}, {Name: "cold", Kind: work.Cold}})
	if len(cells) != 5 {
		t.Fatalf("%d cells, want 5", len(cells))
	}
	if c := find(cells, "b", "call", "new"); c.Ratio != (measure.Spread{Median: 0.7, Min: 0.5, Max: 0.9}) ||
		c.PerSecond != (measure.Spread{Median: 50, Min: 10, Max: 90}) || c.Interval != (measure.Interval{Low: 0.5, High: 0.9, Confidence: 0.5}) {
		t.Errorf("%+v", c)
	}
	if c := find(cells, "b", "cold", "new"); c.Ratio.Median != 3 {
		t.Errorf("a work that is a time is compared by its time: %+v", c)
	}
	if c := find(cells, "b", "call", "old"); c.Missing != "too old" || c.Rounds != 0 || c.Ratio.Median != 0 {
		t.Errorf("%+v", c)
	}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	cell := func(side, name string, perSecond, ratio float64, p50 float64) Cell {
		return Cell{
			Broker: "b", Work: name, Side: side, Rounds: 1, PerSecond: measure.Spread{Median: perSecond},
			Ratio: measure.Spread{Median: ratio}, P50: measure.Spread{Median: p50}, P99: measure.Spread{Median: 2 * p50},
		}
	}
	got := goals([]Cell{
		cell("raw", "call-1-p1", 100, 1, 1000), cell("siskin", "call-1-p1", 100, 1, 1040), cell("siskin", "call-64-p1", 1900, 0.9, 1),
		cell("spring", "call-1-p1", 1, 0, 1), cell("spring", "call-64-p1", 100, 0, 1),
	})
	want := []string{
		"b: p50 to raw, call-1-p1: 1.04 (goal ≤ 1.05: met)",
		"b: p99 to raw, call-1-p1: 1.04 (goal ≤ 1.05: met)",
		"b: calls/s to raw, call-64-p1: 0.90 (goal ≥ 0.95: missed)",
		"b: calls/s to spring, call-64-p1, the most that it bears: 19.0 (goal ≥ 3.00: met)",
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i, g := range got {
		if g.String() != want[i] {
			t.Errorf("got %q, want %q", g, want[i])
		}
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.8: "1,234,568"} {
		if got := whole(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}
