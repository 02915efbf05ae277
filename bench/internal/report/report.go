// Package report makes text, tables and pictures of runs.
package report

import (
	"encoding/json"
	"os"
	"time"

	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// Report is everything that was found out, and under which conditions. It holds
// no address and no host name, so that it can be published.
type Report struct {
	Conditions
	Rounds   int           `json:"rounds"` // that were begun
	Duration time.Duration `json:"duration_ns"`
	Warmup   time.Duration `json:"warmup_ns"`
	Works    []work.Work   `json:"works"`

	Goals   []Goal       `json:"goals,omitempty"`
	Summary []Cell       `json:"summary"`
	Runs    []rounds.Run `json:"runs"`
}

// New begins a report of a session.
func New(s *rounds.Session) *Report {
	return &Report{
		Conditions: begin(),
		Duration:   s.Duration, Warmup: s.Warmup, Works: s.Works,
	}
}

// End adds what the session brought.
func (r *Report) End(runs []rounds.Run) {
	r.Runs = runs
	r.end()
	r.Sum()
}

// Sum makes the summary of the runs that there are.
func (r *Report) Sum() {
	r.Summary = Summarize(r.Runs, r.Works)
	r.Goals = goals(r.Summary)
	if r.grown() {
		r.Goals = r.growthGoals()
	}
	r.Rounds = 0
	for _, run := range r.Runs {
		r.Rounds = max(r.Rounds, run.Round)
	}
}

// Write writes the report as JSON.
func (r *Report) Write(path string) error {
	return writeJSON(path, r)
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Read reads a report that Write has written.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	return r, json.Unmarshal(text, r)
}

// grown reports whether the works are points of curves.
func (r *Report) grown() bool { return len(r.Works) > 0 && r.Works[0].Curve.Axis != "" }

func (r *Report) title(name string) string {
	for _, w := range r.Works {
		if w.Name == name {
			return w.Title
		}
	}
	return name
}

func (r *Report) timed(name string) bool {
	for _, w := range r.Works {
		if w.Name == name {
			return w.Timed()
		}
	}
	return false
}
