package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// samples are those of a server whose heap after each million of requests is
// given by heap, in MiB.
func samples(heap func(million int) float64) []rounds.Sample {
	var all []rounds.Sample
	for i := range 10 {
		all = append(all, rounds.Sample{
			Requests: uint64(i+1) * 1_000_000, PerSecond: 1000,
			Server: rounds.Holding{Memory: measure.Memory{Heap: uint64(heap(i+1) * (1 << 20)), Goroutines: 7}, Resident: 20 << 20},
			Client: rounds.Holding{Memory: measure.Memory{Heap: 1 << 20, Goroutines: 7}, Resident: 20 << 20},
		})
	}
	return all
}

func TestTrends(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		heap func(int) float64
		flat bool
	}{
		{"flat", func(int) float64 { return 1 }, true},
		{"rises at first", func(million int) float64 { return float64(min(million, 5)) }, true},
		{"rises to the end", func(million int) float64 { return 1 + 0.1*float64(million) }, false},
		{"one wild sample", func(million int) float64 {
			if million == 9 {
				return 50
			}
			return 1
		}, true},
		{"falls", func(million int) float64 { return 20 - float64(million) }, true},
	} {
		e := NewEndurance("b", work.Endurance())
		e.End(samples(tt.heap))
		if e.Flat() != tt.flat || e.Trends[0].Flat != tt.flat {
			t.Errorf("%s: flat %v, want %v: %v", tt.name, e.Flat(), tt.flat, e.Trends[0])
		}
	}
}

func TestEnduranceIsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, doc := filepath.Join(dir, "endurance.json"), filepath.Join(dir, "speed.md")
	e := NewEndurance("b", work.Endurance())
	e.End(samples(func(int) float64 { return 1 }))
	if err := e.Write(file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadEndurance(file)
	if err != nil {
		t.Fatal(err)
	}
	again.Sum()
	if err := os.WriteFile(doc, []byte(enduranceMark.begin()+"\n"+enduranceMark.end()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := again.Publish(doc, "speed"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := again.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10,000,000 requests", "server's heap: 1.00 MiB, rises by 0.00 MiB", "Nothing grows."} {
		if !strings.Contains(string(text), want) || !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s\n%s", want, text, table.String())
		}
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "speed", "endurance-b.svg")); err != nil || !strings.Contains(string(svg), "</svg>") {
		t.Errorf("picture: %v", err)
	}
}
