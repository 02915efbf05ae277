package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/internal/letter"
	"github.com/spf13/cobra"
)

// dltList is the flags of the verb.
type dltList struct {
	connection
	letterFilter

	json bool
}

func newDLTList() *cobra.Command {
	l := dltList{}
	cmd := &cobra.Command{
		Use:   "list [TOPIC…]",
		Short: "Print the dead letters of topics, or how many there are of each error",
		Example: `  siskin dlt list
  siskin dlt list orders-dlt --since 2h --error 'timeout|refused'
  siskin dlt list orders-dlt --json | jq -r .error`,
		Long: `  Without a topic it counts the letters of all topics that end in -dlt or .DLT, or
  begin with dead-letter-topic-, by topic and error. With topics it prints a line
  a letter, from the oldest of each partition on.`,
		Args: cobra.ArbitraryArgs,
	}
	l.connection.register(cmd)
	l.registerTimeout(cmd)
	l.letterFilter.register(cmd, "print at most `N` lines")
	cmd.Flags().BoolVar(&l.json, "json", false, "print one line of JSON a letter, or a kind of error")
	cmd.RunE = l.run
	return cmd
}

func (d *dltList) run(cmd *cobra.Command, topics []string) error {
	filter, err := d.filter()
	if err != nil {
		return err
	}
	box, _, err := d.openLetters(cmd, topics, redrive.ReadOptions()...)
	if err != nil {
		return err
	}
	defer box.Close()
	out := bufio.NewWriter(cmd.OutOrStdout())
	if len(topics) == 0 {
		err = d.summary(cmd, box, filter, out)
	} else {
		err = d.letters(cmd, box, filter, out)
	}
	return errors.Join(letterError(err), out.Flush())
}

func (d *dltList) letters(cmd *cobra.Command, box *letterbox, filter redrive.Filter, out io.Writer) error {
	write, n := printLetterLine, 0
	if d.json {
		write = printLetterJSON
	}
	return redrive.List(cmd.Context(), box.Client, box.topics, filter, func(l letter.Letter, redriven bool) (bool, error) {
		err := write(out, l, redriven)
		n++
		return n != d.limit, err
	})
}

// kind is the letters of one topic with one error.
type kind struct {
	Topic    string `json:"topic"`
	Error    string `json:"error"`
	Count    int    `json:"count"`
	Redriven int    `json:"redriven"`
	Oldest   string `json:"oldest"`
	Newest   string `json:"newest"`

	oldest, newest time.Time
}

// mostKinds bounds what a summary keeps; an error's text can be different each time.
const mostKinds = 1000

func (d *dltList) summary(cmd *cobra.Command, box *letterbox, filter redrive.Filter, out io.Writer) error {
	if len(box.topics) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "siskin: no topic is named as dead-letter topics are; name one: siskin dlt list TOPIC")
		return nil
	}
	kinds := make(map[[2]string]*kind)
	err := redrive.List(cmd.Context(), box.Client, box.topics, filter, func(l letter.Letter, redriven bool) (bool, error) {
		key := [2]string{l.Record.Topic, cmp.Or(l.Kind(), brief(l.Error), "(unknown)")}
		if kinds[key] == nil && len(kinds) >= mostKinds {
			key[1] = "(others)"
		}
		if kinds[key] == nil {
			kinds[key] = &kind{Topic: key[0], Error: key[1], oldest: l.Record.Timestamp, newest: l.Record.Timestamp}
		}
		kinds[key].add(l.Record.Timestamp, redriven)
		return true, nil
	})
	if err != nil {
		return err
	}
	var sorted []*kind
	for _, k := range kinds {
		k.Oldest, k.Newest = stamp(k.oldest), stamp(k.newest)
		sorted = append(sorted, k)
	}
	slices.SortFunc(sorted, func(a, b *kind) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Error, b.Error))
	})
	if d.limit > 0 && len(sorted) > d.limit {
		sorted = sorted[:d.limit]
	}
	return d.printKinds(out, sorted)
}

func (k *kind) add(at time.Time, redriven bool) {
	k.Count++
	if redriven {
		k.Redriven++
	}
	if at.Before(k.oldest) {
		k.oldest = at
	}
	if at.After(k.newest) {
		k.newest = at
	}
}

func (d *dltList) printKinds(out io.Writer, kinds []*kind) error {
	if d.json {
		for _, k := range kinds {
			if err := printJSON(out, k); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tERROR\tCOUNT\tREDRIVEN\tOLDEST\tNEWEST")
	for _, k := range kinds {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\n", k.Topic, shown([]byte(k.Error)), k.Count, k.Redriven, k.Oldest, k.Newest)
	}
	return table.Flush()
}
