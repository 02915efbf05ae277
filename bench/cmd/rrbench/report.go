package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
)

// report is everything that was found out, and under which conditions. It
// holds no address and no host name, so that it can be published.
type report struct {
	Broker     string        `json:"broker"` // embedded or external
	Separate   bool          `json:"server_in_own_process"`
	Duration   time.Duration `json:"duration_ns"`
	Warmup     time.Duration `json:"warmup_ns"`
	Delay      time.Duration `json:"handler_delay_ns"`
	Rounds     int           `json:"rounds"`
	Partitions int           `json:"partitions"`
	Go         string        `json:"go"`
	System     string        `json:"system"`
	CPUs       int           `json:"cpus"`

	Cells      []cell       `json:"summary,omitempty"`
	Goals      []verdict    `json:"goals,omitempty"`
	Runs       []result     `json:"runs,omitempty"`
	FirstCalls []firstCalls `json:"first_calls,omitempty"`
}

func newReport(set settings) *report {
	broker := "embedded"
	if len(set.brokers) > 0 {
		broker = "external"
	}
	return &report{
		Broker:     broker,
		Separate:   set.separate,
		Duration:   set.duration,
		Warmup:     set.warmup,
		Delay:      set.delay,
		Rounds:     set.rounds,
		Partitions: set.partitions,
		Go:         runtime.Version(),
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		CPUs:       runtime.NumCPU(),
	}
}

// write writes the report as JSON.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// print writes the report as tables.
func (r *report) print(w io.Writer) error {
	server := "in the client's process"
	if r.Separate {
		server = "in its own process"
	}
	if r.Delay > 0 {
		server += fmt.Sprintf(", handler takes %v", r.Delay)
	}
	if _, err := fmt.Fprintf(w, "%s broker, server %s, %d partition(s), %s, %s, %d CPUs\n\n",
		r.Broker, server, r.Partitions, r.Go, r.System, r.CPUs); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.FirstCalls) > 0 {
		r.printFirstCalls(table)
	} else {
		r.printLoad(table)
	}
	return table.Flush()
}

func (r *report) printLoad(w io.Writer) {
	row(w, "in flight", "side", "calls/s", "range", "to raw", "p50 ms", "p99 ms", "p99.9 ms", "allocs/call", "bytes/call", "CPU µs/call")
	for _, c := range r.Cells {
		row(w, fmt.Sprint(c.InFlight), c.Side, whole(c.PerSecond), percent(c.PerSecond), ratio(c.Ratio),
			millis(c.P50.Median), millis(c.P99.Median), millis(c.P999.Median),
			fmt.Sprintf("%.1f", c.Allocs.Median), whole(c.Bytes), fmt.Sprintf("%.1f", c.CPU.Median/1000))
	}
	_, _ = fmt.Fprintf(w, "\nmedians of %d rounds of %v; range: slowest to fastest round; CPU and allocations of client and server, not of the broker\n",
		r.Rounds, r.Duration)
	for _, v := range r.Goals {
		_, _ = fmt.Fprintln(w, v)
	}
}

func (r *report) printFirstCalls(w io.Writer) {
	row(w, "side", "what", "clients", "p50 ms", "p99 ms", "max ms")
	for _, f := range r.FirstCalls {
		row(w, f.Side, f.What, fmt.Sprint(f.Clients), millis(float64(f.P50)), millis(float64(f.P99)), millis(float64(f.Max)))
	}
	_, _ = fmt.Fprintln(w, "\nfirst call: from making the client to its first answer; second and third pattern: one call, the topics exist")
}

// row writes a row; an error shows when the table is flushed.
func row(w io.Writer, columns ...string) {
	_, _ = fmt.Fprintln(w, strings.Join(columns, "\t")+"\t")
}

func whole(s measure.Spread) string   { return fmt.Sprintf("%.0f", s.Median) }
func percent(s measure.Spread) string { return fmt.Sprintf("%.0f %%", s.Percent()) }
func millis(ns float64) string        { return fmt.Sprintf("%.2f", ns/float64(time.Millisecond)) }

func ratio(s measure.Spread) string {
	if s.Median == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", s.Median)
}
