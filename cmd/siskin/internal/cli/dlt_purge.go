package cli

import (
	"fmt"
	"strings"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/spf13/cobra"
)

// dltPurge is the flags of the verb.
type dltPurge struct {
	connection
	consent

	before   moment
	redriven bool
	any      bool
}

func newDLTPurge() *cobra.Command {
	p := dltPurge{}
	cmd := &cobra.Command{
		Use:   "purge TOPIC",
		Short: "Remove the oldest dead letters for ever",
		Example: `  siskin dlt purge orders-dlt --redriven --dry-run
  siskin dlt purge orders-dlt --before 720h --yes
  siskin dlt purge orders-dlt --redriven --before 2026-01-31`,
		Long: `  Kafka can remove only the oldest records of a partition. --redriven removes up to
  the first letter that was not redriven; --before what was written before a time,
  redriven or not; both together what both allow. It removes exactly the offsets
  that it prints.`,
		Args: wants(1, "a dead-letter topic"),
	}
	p.connection.register(cmd)
	p.registerTimeout(cmd)
	f := cmd.Flags()
	f.Var(&p.before, "before", "remove what was written before `TIME`: 2006-01-02T15:04:05Z, 2006-01-02, or 720h for that long ago")
	f.BoolVar(&p.redriven, "redriven", false, "remove only what was redriven")
	f.BoolVar(&p.any, "any-topic", false, "also in a topic that is not named as dead-letter topics are")
	p.consent.register(cmd)
	cmd.RunE = p.run
	return cmd
}

func (d *dltPurge) run(cmd *cobra.Command, args []string) error {
	topic := args[0]
	if d.before.IsZero() && !d.redriven {
		return usageError(fmt.Errorf("purge wants --redriven or --before, or both"))
	}
	if !conventional(topic) && !d.any {
		return fail(exitUsage, fmt.Errorf("%q is not named as dead-letter topics are; its records could be anything", topic),
			"if it holds dead letters, add --any-topic")
	}
	box, _, err := d.openLetters(cmd, args)
	if err != nil {
		return err
	}
	defer box.Close()
	cuts, err := box.topics[0].Cuts(cmd.Context(), box.admin, redrive.Bounds{Before: d.before.Time, Redriven: d.redriven})
	if err != nil {
		return err
	}
	lines, total := describe(topic, cuts)
	switch {
	case len(cuts) == 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "siskin: %s: nothing to remove\n", topic)
		return nil
	case d.dryRun:
		_, err := fmt.Fprint(cmd.OutOrStdout(), lines)
		return err
	case !d.yes:
		fmt.Fprint(cmd.ErrOrStderr(), lines)
		if err := d.ask(cmd, fmt.Sprintf("%s: %d offsets would be removed for ever", topic, total)); err != nil {
			return err
		}
	}
	if err := box.topics[0].Purge(cmd.Context(), box.admin, cuts); err != nil {
		return err
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), strings.ReplaceAll(lines, "would remove", "removed"))
	return err
}

func describe(topic string, cuts []redrive.Cut) (lines string, total int64) {
	var out strings.Builder
	for _, c := range cuts {
		fmt.Fprintf(&out, "would remove %s/%d: offsets %d to %d\n", topic, c.Partition, c.Begin, c.End-1)
		total += c.End - c.Begin
	}
	return out.String(), total
}
