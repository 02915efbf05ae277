package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/siskin-go/siskin/bench/internal/report"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// TestMain lets the test binary be the programs that are measured.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"broker", "side"}, os.Args[1]) {
		main()
		return
	}
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil { // else each program takes a second to end
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const document = "# Speed\n\nBy hand.\n\n<!-- figures: begin (written by scripts/bench) -->\nstale\n<!-- figures: end -->\n\nBy hand too.\n"

// Both Go sides do all works but those that take minutes, and all that is written is there.
func TestEverythingOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, doc := filepath.Join(dir, "figures.json"), filepath.Join(dir, "speed.md")
	if err := os.WriteFile(doc, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	works := "call-1-p1,call-64-p1,call-64-p12,delay,open,events,emit,stream,echo-*,cold"
	args := []string{"-rounds", "2", "-duration", "50ms", "-warmup", "10ms", "-events", "1000", "-works", works, "-json", file, "-document", doc}
	if err := run(args, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	rep, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * 2 * len(rep.Works); len(rep.Runs) != want || len(rep.Summary) != want/2 {
		t.Errorf("%d runs, %d cells, want %d and %d", len(rep.Runs), len(rep.Summary), want, want/2)
	}
	for _, r := range rep.Runs {
		if r.Missing != "" || r.Count == 0 || r.Took <= 0 || r.Server.Peak == 0 || r.Allocs == nil {
			t.Errorf("implausible: %+v", r)
		}
		if r.Work == "delay" && r.P50 < rep.Works[3].Delay {
			t.Errorf("%s answers in %v, the handler waits longer", r.Side, r.P50)
		}
	}
	for _, c := range rep.Summary {
		if c.Rounds != 2 || c.Ratio.Median <= 0 && c.Side != "raw" {
			t.Errorf("implausible: %+v", c)
		}
	}
	written(t, out.String(), doc)
}

// written checks the tables, and that the document keeps what was written by hand.
func written(t *testing.T, table, doc string) {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "# Speed\n\nBy hand.\n") || !strings.HasSuffix(got, "\nBy hand too.\n") || strings.Contains(got, "stale") {
		t.Errorf("the document has changed around its figures:\n%s", got)
	}
	for _, want := range []string{"siskin", "cold start to the first reply", "calls/s with a handler of 50 ms"} {
		if !strings.Contains(table, want) || !strings.Contains(got, want) {
			t.Errorf("no %q in the table and the document", want)
		}
	}
	for _, name := range []string{"calls", "latency", "works"} {
		path := filepath.Join("speed", name+"-embedded.svg")
		picture, err := os.ReadFile(filepath.Join(filepath.Dir(doc), path))
		if err != nil || !bytes.Contains(picture, []byte("</svg>")) || !strings.Contains(got, "("+path+")") {
			t.Errorf("picture %s: %v", name, err)
		}
	}
}

// A point of each curve is measured on both sides.
func TestGrowthOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, doc := filepath.Join(dir, "growth.json"), filepath.Join(dir, "speed.md")
	if err := os.WriteFile(doc, []byte(strings.ReplaceAll(document, "figures:", "growth:")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	works := "handlers-1,handlers-10,called-10,pending-10,waiting-10,shared-10,own-10,partitions-10"
	args := []string{"-growth", "-rounds", "1", "-duration", "50ms", "-warmup", "10ms", "-works", works, "-json", file, "-document", doc}
	if err := run(args, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	rep, err := report.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rep.Runs {
		if r.Side == "raw" && r.Work == "waiting-10" {
			continue
		}
		if r.Missing != "" || r.Count == 0 || r.ServerHolds.Heap == 0 || r.ClientHolds.Goroutines == 0 || r.Side == "siskin" && r.Ready <= 0 {
			t.Errorf("implausible: %+v", r)
		}
		if clients := r.Work == "shared-10" || r.Work == "own-10"; clients != (r.Read > 0) {
			t.Errorf("%s: %d bytes to the clients", r.Work, r.Read)
		}
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "Clients with a reply topic each") || strings.Contains(string(text), "stale") {
		t.Errorf("got\n%s", text)
	}
}

func TestEnduranceOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "endurance.json")
	var out, progress bytes.Buffer
	if err := run([]string{"-endurance", "1000", "-json", file}, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	rep, err := report.ReadEndurance(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rep.Samples); n != mostSamples || rep.Samples[n-1].Requests != 1000 {
		t.Errorf("%d samples: %+v", n, rep.Samples)
	}
}

// A side that cannot do a work has a row that says so, and the others go on.
func TestBrokenSide(t *testing.T) {
	t.Parallel()
	peers := t.TempDir()
	if err := os.Mkdir(filepath.Join(peers, "broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'no such luck' >&2\nexit 3\n"
	if err := os.WriteFile(filepath.Join(peers, "broken", "run"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	args := []string{"-rounds", "2", "-duration", "10ms", "-warmup", "0s", "-works", "call-1-p1", "-sides", "broken,raw", "-peers", peers}
	if err := run(args, nil, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	if got := out.String(); !strings.Contains(got, "no such luck") || !strings.Contains(got, "\nraw ") {
		t.Errorf("got\n%s", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	set, err := parse([]string{"--kafka", "a:1, b:2", "--works", "call-1-*,events", "--sides", "siskin,raw", "--events", "7"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.kafka, []string{"a:1", "b:2"}) || work.Names(set.works) != "call-1-p1,call-1-p12,events" || set.works[2].Count != 7 ||
		set.sides[0].Name != "siskin" || set.sides[1].Name != rounds.Baseline {
		t.Errorf("%+v", set)
	}
	for _, bad := range [][]string{
		{"-sides", "cooked"},
		{"-works", "nothing"},
		{"-works", "nothing*"},
		{"-rounds", "0"},
		{"-duration", "0s"},
		{"-warmup", "-1s"},
		{"-events", "0"},
		{"-growth", "-endurance", "1"},
		{"-growth", "-works", "events"},
		{"-peers-on", "mars"},
		{"-peers-at", "nothing"},
		{"-embedded=false"},
		{"rounds"},
	} {
		if _, err := parse(bad, &bytes.Buffer{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
