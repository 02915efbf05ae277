package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/raw"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// TestMain lets the test binary be a child process of the program under test.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-role") {
		if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// measured runs the load tool and returns the figures that it has written to file.
func measured(t *testing.T, args []string, file string, out *bytes.Buffer) (rep report) {
	t.Helper()
	var progress bytes.Buffer
	if err := run(args, nil, out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "figures.json")
	var out bytes.Buffer
	args := []string{"-in-flight", "1,8", "-duration", "100ms", "-warmup", "10ms", "-rounds", "2", "-sides", "raw", "-separate", "-json", file}
	rep := measured(t, args, file, &out)
	if len(rep.Runs) != 4 || len(rep.Cells) != 2 {
		t.Fatalf("%d runs, %d cells, want 4 and 2", len(rep.Runs), len(rep.Cells))
	}
	for i, c := range rep.Cells {
		if c.InFlight != []int{1, 8}[i] || c.PerSecond.Min <= 0 || c.P50.Min <= 0 || c.Allocs.Min <= 0 || c.Ratio.Median != 1 {
			t.Errorf("implausible: %+v", c)
		}
	}
	if !strings.Contains(out.String(), "calls/s") {
		t.Errorf("no table:\n%s", out.String())
	}
}

func TestFirstCalls(t *testing.T) {
	t.Parallel()
	var out, progress bytes.Buffer
	if err := run([]string{"-first-call", "3"}, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range append([]string{"raw", "siskin"}, moments...) {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the table:\n%s", want, out.String())
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	set, err := parse([]string{"--brokers", "a:1, b:2", "--in-flight", "2,4"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.brokers, []string{"a:1", "b:2"}) || !slices.Equal(set.inFlight, []int{2, 4}) || len(set.sides) != len(sides) {
		t.Errorf("%+v", set)
	}
	for _, bad := range [][]string{
		{"-sides", "cooked"},
		{"-sides", ""},
		{"-in-flight", "0"},
		{"-in-flight", ""},
		{"-in-flight", "x"},
		{"-rounds", "0"},
		{"-partitions", "-1"},
		{"-duration", "0s"},
		{"-warmup", "-1s"},
		{"-first-call", "-1"},
		{"-handler-delay", "-1s"},
		{"rounds"},
	} {
		if _, err := parse(bad, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// named is a side that is only a name.
type named struct {
	raw.Side
	name string
}

func (n named) Name() string { return n.name }

func TestSidesTakeTurns(t *testing.T) {
	t.Parallel()
	all := []side.Side{named{name: "a"}, named{name: "b"}, named{name: "c"}}
	for round, want := range []string{"abc", "bca", "cab", "abc"} {
		var got string
		for _, s := range inTurn(all, round) {
			got += s.Name()
		}
		if got != want {
			t.Errorf("round %d: %s, want %s", round, got, want)
		}
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	results := []result{
		{Side: "raw", InFlight: 1, Round: 1, Calls: 10, PerSecond: 100, Used: measure.Usage{Allocs: 50}},
		{Side: "new", InFlight: 1, Round: 1, Calls: 10, PerSecond: 90, Used: measure.Usage{Allocs: 70}},
		{Side: "new", InFlight: 1, Round: 2, Calls: 10, PerSecond: 10, Used: measure.Usage{Allocs: 90}}, // a slow minute
		{Side: "raw", InFlight: 1, Round: 2, Calls: 10, PerSecond: 20, Used: measure.Usage{Allocs: 50}},
		{Side: "new", InFlight: 8, Round: 1, PerSecond: 70},
	}
	cells := summarize(results)
	if len(cells) != 3 {
		t.Fatalf("%d cells, want 3", len(cells))
	}
	if c := cells[1]; c.Side != "new" || c.Ratio != (measure.Spread{Median: 0.7, Min: 0.5, Max: 0.9}) ||
		c.PerSecond != (measure.Spread{Median: 50, Min: 10, Max: 90}) || c.Allocs.Median != 8 {
		t.Errorf("%+v", c)
	}
	if c := cells[0]; c.Side != "raw" || c.Ratio.Median != 1 {
		t.Errorf("%+v", c)
	}
	if c := cells[2]; c.InFlight != 8 || c.Ratio != (measure.Spread{}) || c.Allocs.Median != 0 {
		t.Errorf("without a baseline and without calls: %+v", c)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	at := func(side string, inFlight int, perSecond, ratio float64) cell {
		return cell{
			Side: side, InFlight: inFlight,
			PerSecond: measure.Spread{Median: perSecond}, Ratio: measure.Spread{Median: ratio},
		}
	}
	cells := []cell{
		at("raw", 64, 2000, 1), at("siskin", 1, 900, 0.9), at("siskin", 64, 1940, 0.97), at("siskin", 512, 999, 0.9),
	}
	tests := []struct {
		name  string
		cells []cell
		delay time.Duration
		want  []string
	}{
		{"speed", cells, 0, []string{
			"siskin/raw at 64 in flight: 0.97 (goal ≥ 0.95: met)", "siskin/raw at 512 in flight: 0.90 (goal ≥ 0.95: missed)",
		}},
		{"without the baseline", []cell{at("siskin", 64, 1940, 0)}, 0, nil},
		{"slow handler", cells, 50 * time.Millisecond, []string{"50 ms handler: 1940/s (goal ≥ 1000/s: met)"}},
		{"slow handler, one at a time", []cell{at("siskin", 64, 19.6, 0)}, 50 * time.Millisecond, []string{
			"50 ms handler: 20/s (goal ≥ 1000/s: missed)",
		}},
		{"another delay", cells, time.Second, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, v := range verdicts(tt.cells, tt.delay) {
				got = append(got, v.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The delay reaches a server in a process of its own.
func TestHandlerDelay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "figures.json")
	args := []string{
		"-in-flight", "8", "-duration", "100ms", "-warmup", "0s", "-rounds", "1", "-separate", "-handler-delay", "20ms", "-json", file,
	}
	rep := measured(t, args, file, &out)
	if len(rep.Runs) != len(sides) {
		t.Fatalf("%d runs, want %d", len(rep.Runs), len(sides))
	}
	for _, r := range rep.Runs {
		if r.P50 < 20*time.Millisecond {
			t.Errorf("side %s answers in %v, want at least the delay", r.Side, r.P50)
		}
	}
}
