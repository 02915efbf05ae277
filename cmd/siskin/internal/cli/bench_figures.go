package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/siskin-go/siskin/internal/load"
)

// benchFigures are those of a load.Result under names that stay.
type benchFigures struct {
	Count     uint64  `json:"count"` // answered without an error
	Failed    uint64  `json:"failed"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	Max       float64 `json:"max_ms"`
}

func (b *bench) print(w io.Writer, res *load.Result) error {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	h := &res.Latencies
	f := benchFigures{
		Count: h.Count(), Failed: res.Failed, Seconds: res.Took.Seconds(), PerSecond: res.PerSecond(),
		P50: ms(h.Quantile(0.50)), P99: ms(h.Quantile(0.99)), P999: ms(h.Quantile(0.999)), Max: ms(h.Max()),
	}
	if b.json {
		return printJSON(w, f)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "answered\tfailed\tseconds\tper second\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\t")
	_, _ = fmt.Fprintf(table, "%d\t%d\t%.2f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t\n",
		f.Count, f.Failed, f.Seconds, f.PerSecond, f.P50, f.P99, f.P999, f.Max)
	return table.Flush() // an error of a row shows here
}
