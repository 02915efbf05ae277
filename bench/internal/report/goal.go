package report

import (
	"fmt"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/rounds"
)

// candidate is the side that has goals.
const candidate = "siskin"

// Goal is what Siskin is to reach, beside what was measured.
type Goal struct {
	Broker string  `json:"broker"`
	What   string  `json:"what"`
	Figure float64 `json:"figure"`
	Bound  float64 `json:"bound"`
	AtMost bool    `json:"at_most,omitempty"` // else at least
	Met    bool    `json:"met"`
}

// String is a goal as a line of text.
func (g Goal) String() string {
	sign, word := "≥", "missed"
	if g.AtMost {
		sign = "≤"
	}
	if g.Met {
		word = "met"
	}
	return fmt.Sprintf("%s: %s: %s (goal %s %s: %s)", g.Broker, g.What, short(g.Figure), sign, short(g.Bound), word)
}

// goals are those that the cells can tell about.
func goals(cells []Cell) []Goal {
	var all []Goal
	for _, c := range cells {
		if c.Side != candidate || c.Rounds == 0 {
			continue
		}
		add := func(what string, figure, bound float64, atMost bool) {
			if figure > 0 {
				all = append(all, Goal{c.Broker, what, figure, bound, atMost, figure >= bound && !atMost || figure <= bound && atMost})
			}
		}
		switch c.Work {
		case "call-64-p1", "call-512-p1":
			add("calls/s to raw, "+c.Work, c.Ratio.Median, 0.95, false)
		case "call-1-p1":
			raw := find(cells, c.Broker, c.Work, rounds.Baseline)
			add("p50 to raw, "+c.Work, quotient(c.P50.Median, raw.P50.Median), 1.05, true)
			add("p99 to raw, "+c.Work, quotient(c.P99.Median, raw.P99.Median), 1.05, true)
		case "events", "records":
			add("events/s to raw, "+c.Work, c.Ratio.Median, 0.9, false)
		case "delay":
			add("calls/s with a handler of 50 ms", c.PerSecond.Median, 1000, false)
		}
	}
	for _, broker := range brokersOf(cells) {
		for _, peer := range []struct {
			side   string
			factor float64
		}{{"nestjs", 20}, {"spring", 3}, {"watermill", 50}} {
			if f, at := best(cells, broker, peer.side); f > 0 {
				what := fmt.Sprintf("calls/s to %s, %s, the most that it bears", peer.side, at)
				all = append(all, Goal{broker, what, f, peer.factor, false, f >= peer.factor})
			}
		}
	}
	return all
}

// best compares with a peer at the highest concurrency that it has figures for,
// on one partition.
func best(cells []Cell, broker, peer string) (factor float64, at string) {
	for _, name := range []string{"call-512-p1", "call-64-p1", "call-1-p1"} {
		ours, theirs := find(cells, broker, name, candidate), find(cells, broker, name, peer)
		if ours.Rounds > 0 && theirs.Rounds > 0 {
			return quotient(ours.PerSecond.Median, theirs.PerSecond.Median), name
		}
	}
	return 0, ""
}

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// find is a cell, or an empty one.
func find(cells []Cell, broker, work, side string) Cell {
	for _, c := range cells {
		if c.Broker == broker && c.Work == work && c.Side == side {
			return c
		}
	}
	return Cell{}
}

func brokersOf(cells []Cell) []string {
	var all []string
	for _, c := range cells {
		if len(all) == 0 || all[len(all)-1] != c.Broker {
			all = append(all, c.Broker)
		}
	}
	return all
}

// short is a number with as many digits as tell something.
func short(f float64) string {
	switch {
	case f >= 1000:
		return whole(f)
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}

// whole is a rounded number with commas.
func whole(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}
