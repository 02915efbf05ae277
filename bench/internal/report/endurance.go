package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/plot/plotter"

	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// Endurance is a report of one long run.
type Endurance struct {
	Conditions
	Broker  string          `json:"broker"`
	Work    work.Work       `json:"work"`
	Trends  []Trend         `json:"trends"`
	Samples []rounds.Sample `json:"samples"`
}

// NewEndurance begins a report.
func NewEndurance(broker string, w work.Work) *Endurance {
	return &Endurance{Conditions: begin(), Broker: broker, Work: w}
}

// End adds what the run brought.
func (e *Endurance) End(samples []rounds.Sample) {
	e.Samples = samples
	e.end()
	e.Sum()
}

// Sum finds the trends of the samples that there are.
func (e *Endurance) Sum() { e.Trends = trends(e.Samples) }

// Flat reports whether nothing grows.
func (e *Endurance) Flat() bool {
	for _, t := range e.Trends {
		if !t.Flat {
			return false
		}
	}
	return true
}

// Write writes the report as JSON.
func (e *Endurance) Write(path string) error { return writeJSON(path, e) }

// ReadEndurance reads a report that Write has written.
func ReadEndurance(path string) (*Endurance, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := new(Endurance)
	return e, json.Unmarshal(text, e)
}

var enduranceColumns = []string{
	"requests", "per second", "p99 ms", "server: heap, in memory MiB", "client: heap, in memory MiB", "goroutines", "broker MiB",
}

// tableRows are how many samples the tables have.
const tableRows = 10

// rows are samples at about equal distances, the first and the last with them.
func (e *Endurance) rows() [][]string {
	var rows [][]string
	last := len(e.Samples) - 1
	shown := min(tableRows, last)
	for i := range shown + 1 {
		s := e.Samples[i*last/max(shown, 1)]
		rows = append(rows, []string{
			whole(float64(s.Requests)), short(s.PerSecond), millis(float64(s.P99)), holding(s.Server), holding(s.Client),
			fmt.Sprintf("%d, %d", s.Server.Goroutines, s.Client.Goroutines), known(float64(s.Kafka)/(1<<20), "%.0f"),
		})
	}
	return rows
}

func holding(h rounds.Holding) string {
	return fmt.Sprintf("%.2f, %s", heapOf(h)/(1<<20), known(residentOf(h)/(1<<20), "%.0f"))
}

func (e *Endurance) conditions() string {
	requests := uint64(0)
	if len(e.Samples) > 0 {
		requests = e.Samples[len(e.Samples)-1].Requests
	}
	return fmt.Sprintf("%s requests, %d in flight, on %s, %d samples, %s", whole(float64(requests)), e.Work.InFlight, e.Broker, len(e.Samples), e.Conditions)
}

const enduranceLegend = `Each sample is taken without a call in flight. Heap: of objects in use, after a collection. The rise is that of a line
through all samples of the second half, whose slope is the median of the slopes between each two of them.`

func (e *Endurance) verdict() string {
	if e.Flat() {
		return "Nothing grows."
	}
	return "Something grows; see above."
}

// Print writes the report as a table.
func (e *Endurance) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", e.conditions()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line(table, enduranceColumns...)
	for _, row := range e.rows() {
		line(table, row...)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s\n\n", enduranceLegend)
	for _, t := range e.Trends {
		fmt.Fprintln(&text, t)
	}
	_, err := fmt.Fprintf(w, "%s%s\n", text.String(), e.verdict())
	return err
}

// Publish writes the report into a Markdown document, between its marks, and a
// picture into the folder dir beside it.
func (e *Endurance) Publish(document, dir string) error {
	path := filepath.Join(dir, "endurance-"+e.Broker+".svg")
	title := "Memory over many requests, " + e.Broker
	if err := e.draw(title, filepath.Join(filepath.Dir(document), path)); err != nil {
		return fmt.Errorf("picture %q: %w", title, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s.\n\n%s\n\n![%s](%s)\n\n%s", e.conditions(), enduranceLegend, title, path, head(enduranceColumns))
	for _, row := range e.rows() {
		b.WriteString(tableRow(row, len(enduranceColumns)))
	}
	b.WriteString("\n")
	for _, t := range e.Trends {
		fmt.Fprintf(&b, "- %s\n", t)
	}
	fmt.Fprintf(&b, "\n%s\n", e.verdict())
	return enduranceMark.embed(document, b.String())
}

// draw draws the memory of server and client.
func (e *Endurance) draw(title, path string) error {
	p := newChart(title, "million requests", "MiB")
	for style, l := range []struct {
		name string
		of   func(rounds.Sample) float64
	}{
		{"server's heap", func(s rounds.Sample) float64 { return heapOf(s.Server) }},
		{"client's heap", func(s rounds.Sample) float64 { return heapOf(s.Client) }},
		{"server in memory", func(s rounds.Sample) float64 { return residentOf(s.Server) }},
		{"client in memory", func(s rounds.Sample) float64 { return residentOf(s.Client) }},
	} {
		var points plotter.XYs
		for _, s := range e.Samples {
			points = append(points, plotter.XY{X: float64(s.Requests) / 1e6, Y: l.of(s) / (1 << 20)})
		}
		if err := addLine(p, l.name, style, points); err != nil {
			return err
		}
	}
	linear(&p.X)
	logarithmic(&p.Y)
	return save(p, path)
}
