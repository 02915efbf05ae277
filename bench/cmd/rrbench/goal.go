package main

import (
	"fmt"
	"slices"
	"time"
)

// What Siskin is to reach, at these numbers of calls in flight.
const (
	goalRatio     = 0.95 // of the calls a second of the baseline
	goalDelayed   = 1000 // calls a second with a handler that takes goalDelay
	goalDelay     = 50 * time.Millisecond
	goalDelayedAt = 64 // in flight, on one partition
)

var goalRatioAt = []int{64, 512}

// verdict is a goal beside what was measured.
type verdict struct {
	What   string  `json:"what"`
	Figure float64 `json:"figure"`
	Goal   float64 `json:"goal"`
	Met    bool    `json:"met"`

	format string
}

func (v verdict) String() string {
	word := "missed"
	if v.Met {
		word = "met"
	}
	return fmt.Sprintf("%s: "+v.format+" (goal ≥ "+v.format+": %s)", v.What, v.Figure, v.Goal, word)
}

// verdicts are the goals that the cells can answer.
func verdicts(cells []cell, delay time.Duration) []verdict {
	var all []verdict
	add := func(what, format string, figure, goal float64) {
		all = append(all, verdict{What: what, Figure: figure, Goal: goal, Met: figure >= goal, format: format})
	}
	for _, c := range cells {
		switch {
		case c.Side != candidateSide:
		case delay == goalDelay && c.InFlight == goalDelayedAt:
			add("50 ms handler", "%.0f/s", c.PerSecond.Median, goalDelayed)
		case delay == 0 && c.Ratio.Median > 0 && slices.Contains(goalRatioAt, c.InFlight):
			what := fmt.Sprintf("%s/%s at %d in flight", c.Side, baseline, c.InFlight)
			add(what, "%.2f", c.Ratio.Median, goalRatio)
		}
	}
	return all
}
