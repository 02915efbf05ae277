package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// print writes a result as a table for people.
func (r *result) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\nseed %d on %s: %d events, %d requests, %v of faults, protocol %s\n",
		r.Plan.Seed, r.Cluster, r.Plan.Events, r.Plan.Requests, r.Plan.Length, r.Plan.Protocol)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.sections() {
		_, _ = fmt.Fprintf(table, "\n%s\t\n", s.title)
		for _, row := range s.rows {
			_, _ = fmt.Fprintf(table, "  %s\t%d\n", row.Name, row.N)
		}
	}
	_ = table.Flush()
	for _, e := range append(slices.Clone(r.Wrong), r.Ledger.Examples...) {
		_, _ = fmt.Fprintln(w, " !", e)
	}
}

type section struct {
	title string
	rows  []count
}

func (r *result) sections() []section {
	return []section{
		{"Must be zero", append(slices.Clone(r.Ledger.Faults), count{"processes or brokers that did what no plan says", int64(len(r.Wrong))})},
		{"Was done", append(sorted(r.Done), r.Ledger.Told...)},
		{"Requests, by how they ended", sorted(r.Ledger.Calls)},
		{"Duplicates, by reason", sorted(r.Ledger.Duplicates)},
	}
}

func sorted(counts map[string]int) (rows []count) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		rows = append(rows, count{name, int64(counts[name])})
	}
	return rows
}

// write stores results as latest.json and latest.md in a folder.
func write(results []*result, folder, replay string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	type entry struct {
		Cluster  string
		Seed     uint64
		Protocol string
		Events   int
		Requests int
		Seconds  float64
		Counts   map[string]map[string]int64
	}
	var entries []entry
	var b strings.Builder
	fmt.Fprintf(&b, "# The latest long run\n\nWritten by `%s`. What each line means is in [README.md](README.md).\n", replay)
	for _, r := range results {
		e := entry{
			r.Cluster, r.Plan.Seed, r.Plan.Protocol, r.Plan.Events, r.Plan.Requests, r.Plan.Length.Seconds(),
			make(map[string]map[string]int64),
		}
		fmt.Fprintf(&b, "\n## %s\n\nSeed %d, protocol %s, %d broker node(s), %v of load and faults.\n",
			titles[r.Cluster], r.Plan.Seed, r.Plan.Protocol, r.Plan.Nodes, r.Plan.Length)
		for _, s := range r.sections() {
			fmt.Fprintf(&b, "\n| %s | |\n|---|---:|\n", s.title)
			e.Counts[s.title] = make(map[string]int64)
			for _, row := range s.rows {
				fmt.Fprintf(&b, "| %s | %d |\n", row.Name, row.N)
				e.Counts[s.title][row.Name] = row.N
			}
		}
		entries = append(entries, e)
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "latest.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "latest.md"), []byte(b.String()), 0o644)
}

var titles = map[string]string{"embedded": "The embedded broker", "kafka": "Three KRaft nodes of Apache Kafka"}
