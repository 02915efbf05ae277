package proof_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// report is a table of what a test has counted.
type report struct {
	story []string // what happened before, line by line
	rows  [][2]string
}

func (r *report) add(what, format string, args ...any) {
	r.rows = append(r.rows, [2]string{what, fmt.Sprintf(format, args...)})
}

func (r *report) print(t *testing.T) {
	t.Helper()
	var out strings.Builder
	for _, l := range r.story {
		out.WriteString("  " + l + "\n")
	}
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, row := range r.rows {
		_, _ = fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
	}
	_ = table.Flush() // a strings.Builder takes everything
	t.Logf("\n%s", out.String())
}
