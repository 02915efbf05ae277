package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/siskin-go/siskin/bench/internal/work"
)

// growthColumns are those of the tables of a curve.
var growthColumns = []string{
	"number", "side", "per second", "range", "p50 ms", "p99 ms", "server µs", "client µs", "broker µs", "to client, bytes",
	"ready ms", "first ms", "server MiB", "client MiB",
}

const growthLegend = `Medians of the rounds. Range: from the slowest to the fastest round, in percent of the median. CPU time is that of each
process, and per call, as are the bytes that the broker sends to the clients, with the replies to others on the same partition.
Ready: from the server's start until it has its partitions. First: until each pattern that is called was called once, and each
client has called once. Memory: the heap after a collection at the end of the load, and behind the slash the most that the
process had in memory.

Goals compare each figure with the one at the smallest number. The power of a growth is that of its steepest step: 1 is linear,
0 is constant; a figure that rises by less than half from the smallest to the largest number has none. A tenth above 1 is for
noise. Routing is measured with the hand-written loop beside it, which reads as many topics and has nothing to route.`

func (r *Report) growthRow(w work.Work, c Cell) []string {
	number := whole(float64(w.Curve.N))
	if c.Rounds == 0 {
		return []string{number, c.Side, c.Missing}
	}
	return []string{
		number, c.Side, short(c.PerSecond.Median), fmt.Sprintf("%.0f %%", c.PerSecond.Percent()), millis(c.P50.Median), millis(c.P99.Median),
		known(c.ServerCost.Median/1000, "%.1f"), known(c.ClientCost.Median/1000, "%.1f"), known(c.KafkaCost.Median/1000, "%.1f"),
		known(c.Egress.Median, "%.0f"), known(c.Ready.Median/1e6, "%.0f"), known(c.First.Median/1e6, "%.0f"),
		held(c.ServerHeap.Median, c.ServerPeak.Median), held(c.ClientHeap.Median, c.ClientPeak.Median),
	}
}

func held(heap, peak float64) string {
	return fmt.Sprintf("%s / %s", known(heap/(1<<20), "%.1f"), known(peak/(1<<20), "%.0f"))
}

// curves are the curves of the works, in their order, each by its first work.
func (r *Report) curves() []work.Curve {
	var all []work.Curve
	for _, w := range r.Works {
		if len(all) == 0 || all[len(all)-1].Name != w.Curve.Name {
			all = append(all, w.Curve)
		}
	}
	return all
}

// points calls f for each cell of a curve.
func (r *Report) points(broker, curve string, f func(work.Work, Cell)) {
	for _, w := range r.Works {
		if w.Curve.Name != curve {
			continue
		}
		for _, c := range r.Summary {
			if c.Broker == broker && c.Work == w.Name {
				f(w, c)
			}
		}
	}
}

func (r *Report) printGrowth(w io.Writer, table *tabwriter.Writer) error {
	for _, broker := range brokersOf(r.Summary) {
		for _, curve := range r.curves() {
			line(table, "")
			line(table, fmt.Sprintf("%s: %s (%s)", broker, curve.Title, curve.Name))
			line(table, growthColumns...)
			r.points(broker, curve.Name, func(w work.Work, c Cell) { line(table, r.growthRow(w, c)...) })
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return r.printEnd(w, growthLegend)
}

func (r *Report) growthMarkdown(pictures []Picture) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s.\n\n%s\n", r.conditions(), growthLegend)
	for _, broker := range brokersOf(r.Summary) {
		fmt.Fprintf(&b, "\n### Growth on %s\n", broker)
		for _, p := range pictures {
			if p.Broker == broker {
				fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.Path)
			}
		}
		r.powers(&b, broker)
		for _, curve := range r.curves() {
			fmt.Fprintf(&b, "\n**%s** (`%s`)\n\n%s", capital(curve.Title), curve.Name, head(growthColumns))
			r.points(broker, curve.Name, func(w work.Work, c Cell) { b.WriteString(tableRow(r.growthRow(w, c), len(growthColumns))) })
		}
	}
	return b.String()
}
