package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// columns are those of the terminal and of Markdown.
var columns = []string{
	"side", "per second", "range", "to raw", "interval", "p50 ms", "p99 ms", "p99.9 ms", "allocs", "CPU µs",
	"server s, MiB", "client s, MiB", "broker s",
}

// row is a cell as text.
func (r *Report) row(c Cell) []string {
	if c.Rounds == 0 {
		return []string{c.Side, "–", c.Missing}
	}
	perSecond := short(c.PerSecond.Median)
	if c.Rate.Median > 0 {
		perSecond += " of " + short(c.Rate.Median)
	}
	spread := c.PerSecond
	if r.timed(c.Work) {
		spread = c.P50
	}
	if c.PerSecond.Median == 0 || r.once(c.Work) {
		perSecond = "–"
	}
	note := ""
	if c.Missing != "" {
		note = fmt.Sprintf(" (%d of %d rounds)", c.Rounds, r.Rounds)
	}
	return []string{
		c.Side, perSecond + note, fmt.Sprintf("%.0f %%", spread.Percent()), ratio(c), interval(c),
		millis(c.P50.Median), millis(c.P99.Median), millis(c.P999.Median), known(c.Allocs.Median, "%.1f"), known(c.CPU.Median/1000, "%.1f"),
		used(c.ServerCPU.Median, c.ServerPeak.Median), used(c.ClientCPU.Median, c.ClientPeak.Median), known(c.KafkaCPU.Median/1e9, "%.1f"),
	}
}

// once reports whether a work is one call.
func (r *Report) once(name string) bool { return name == "cold" || name == "restart" }

func ratio(c Cell) string { return known(c.Ratio.Median, "%.2f") }

func interval(c Cell) string {
	if c.Interval.Confidence == 0 || c.Side == "raw" {
		return "–"
	}
	return fmt.Sprintf("%.2f–%.2f", c.Interval.Low, c.Interval.High)
}

// known is a figure, or a dash for one that there is not.
func known(f float64, format string) string {
	if f == 0 {
		return "–"
	}
	return fmt.Sprintf(format, f)
}

func used(cpu, peak float64) string {
	if peak == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f, %.0f", cpu/1e9, peak/(1<<20))
}

func millis(ns float64) string { return known(ns/float64(time.Millisecond), "%.2f") }

// Print writes the report as tables.
func (r *Report) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n", r.conditions()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.grown() {
		return r.printGrowth(w, table)
	}
	var broker, work string
	for _, c := range r.Summary {
		if c.Broker != broker || c.Work != work {
			broker, work = c.Broker, c.Work
			line(table, "")
			line(table, fmt.Sprintf("%s: %s (%s)", broker, r.title(work), work))
			line(table, columns...)
		}
		line(table, r.row(c)...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return r.printEnd(w, legend)
}

// printEnd prints what stands below the tables.
func (r *Report) printEnd(w io.Writer, legend string) error {
	_, err := fmt.Fprintf(w, "\n%s\n\n", legend)
	for _, g := range r.Goals {
		if err == nil {
			_, err = fmt.Fprintln(w, g)
		}
	}
	return err
}

// line writes a row; an error shows when the table is flushed.
func line(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }

// conditions say how the figures came about.
func (r *Report) conditions() string {
	return fmt.Sprintf("%d rounds, %v of measuring after %v of warming up, %s", r.Rounds, r.Duration, r.Warmup, r.Conditions)
}

const legend = `Medians of the rounds. Range: from the slowest to the fastest round, in percent of the median; of p50 where the
work is a time. To raw: the ratio of the same rounds' calls a second, of their p50 where the work is a time; the
interval holds the median of more rounds with a confidence of 0.9 or more (5 rounds: 0.94). Allocations and CPU are of
server and client, per call; then the CPU seconds and the peak memory of each process.`
