package report

import (
	"fmt"
	"os"
	"strings"
)

// The text between these lines of a document is the report's.
const (
	beginMark = "<!-- figures: begin (written by scripts/bench) -->"
	endMark   = "<!-- figures: end -->"
)

// Embed writes the report into a Markdown document, between its two marks, and
// leaves all else as it is. pictures are the paths of pictures, from the
// document's folder.
func (r *Report) Embed(path string, pictures []Picture) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return fmt.Errorf("%s: no lines %q and %q to write between", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(before+beginMark+"\n\n"+r.markdown(pictures)+"\n"+endMark+after), 0o644)
}

func (r *Report) markdown(pictures []Picture) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s.\n\n%s\n", r.conditions(), legend)
	for _, broker := range brokersOf(r.Summary) {
		fmt.Fprintf(&b, "\n### %s\n", heading(broker))
		for _, p := range pictures {
			if p.Broker == broker {
				fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.Path)
			}
		}
		r.rows(&b, broker)
		for i, g := range r.goalsOf(broker) {
			if i == 0 {
				b.WriteString("\nGoals:\n\n")
			}
			fmt.Fprintf(&b, "- %s\n", strings.TrimPrefix(g.String(), broker+": "))
		}
	}
	return b.String()
}

// heading is a broker's name as a heading has it.
func heading(broker string) string { return strings.ToUpper(broker[:1]) + broker[1:] }

func (r *Report) rows(b *strings.Builder, broker string) {
	work := ""
	for _, c := range r.Summary {
		if c.Broker != broker {
			continue
		}
		if c.Work != work {
			work = c.Work
			fmt.Fprintf(b, "\n**%s** (`%s`)\n\n| %s |\n|%s\n", r.title(work), work, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
		}
		row := r.row(c)
		for len(row) < len(columns) {
			row = append(row, "")
		}
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

func (r *Report) goalsOf(broker string) []Goal {
	var all []Goal
	for _, g := range r.Goals {
		if g.Broker == broker {
			all = append(all, g)
		}
	}
	return all
}
