package report

import (
	"fmt"
	"os"
	"strings"
)

// mark is a pair of lines of a document. What is between them is ours.
type mark string

// The parts of a document.
const (
	figuresMark   mark = "figures"
	growthMark    mark = "growth"
	enduranceMark mark = "endurance"
)

func (m mark) begin() string {
	return fmt.Sprintf("<!-- %s: begin (written by scripts/bench) -->", string(m))
}
func (m mark) end() string { return fmt.Sprintf("<!-- %s: end -->", string(m)) }

// embed writes text between the two lines of a mark in a Markdown document, and
// leaves all else as it is.
func (m mark) embed(document, text string) error {
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), m.begin())
	_, after, ended := strings.Cut(rest, m.end())
	if !found || !ended {
		return fmt.Errorf("%s: no lines %q and %q to write between", document, m.begin(), m.end())
	}
	return os.WriteFile(document, []byte(before+m.begin()+"\n\n"+text+"\n"+m.end()+after), 0o644)
}

// Embed writes the report into a Markdown document, between its two marks. pictures
// are the paths of pictures, from the document's folder.
func (r *Report) Embed(path string, pictures []Picture) error {
	if r.grown() {
		return growthMark.embed(path, r.growthMarkdown(pictures))
	}
	return figuresMark.embed(path, r.markdown(pictures))
}

func (r *Report) markdown(pictures []Picture) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s.\n\n%s\n", r.conditions(), legend)
	for _, broker := range brokersOf(r.Summary) {
		fmt.Fprintf(&b, "\n### %s\n", capital(broker))
		for _, p := range pictures {
			if p.Broker == broker {
				fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.Path)
			}
		}
		r.rows(&b, broker)
		r.goalList(&b, broker)
	}
	return b.String()
}

func (r *Report) goalList(b *strings.Builder, broker string) {
	for i, g := range r.goalsOf(broker) {
		if i == 0 {
			b.WriteString("\nGoals:\n\n")
		}
		fmt.Fprintf(b, "- %s\n", strings.TrimPrefix(g.String(), broker+": "))
	}
}

// head is the first two lines of a table.
func head(columns []string) string {
	return fmt.Sprintf("| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// tableRow is one line of a table, filled up to so many columns.
func tableRow(row []string, columns int) string {
	for len(row) < columns {
		row = append(row, "")
	}
	for i := range row {
		row[i] = strings.ReplaceAll(row[i], "|", `\|`)
	}
	return fmt.Sprintf("| %s |\n", strings.Join(row, " | "))
}

// capital makes a text begin with a capital letter.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func (r *Report) rows(b *strings.Builder, broker string) {
	work := ""
	for _, c := range r.Summary {
		if c.Broker != broker {
			continue
		}
		if c.Work != work {
			work = c.Work
			fmt.Fprintf(b, "\n**%s** (`%s`)\n\n%s", r.title(work), work, head(columns))
		}
		b.WriteString(tableRow(r.row(c), len(columns)))
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
