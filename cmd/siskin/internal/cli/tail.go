package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/security"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// tail is the flags of the verb.
type tail struct {
	connection

	last     int64
	untilEnd bool
	json     bool
}

func newTail() *cobra.Command {
	t := tail{}
	cmd := &cobra.Command{
		Use:   "tail TOPIC…",
		Short: "Print the records of topics as they come",
		Example: `  siskin tail print
  siskin tail sum sum.reply --last 10
  siskin tail orders.placed --until-end --json | jq .value`,
		Long: `  It reads without a consumer group, so it takes nothing from anybody. Each line
  is time, topic/partition@offset, key, headers and value; what is not plain
  text is quoted. With --json each line is an object, headers are a list of
  {"name","value"}, and bytes that are not text are {"base64":"…"}.`,
		Args: cobra.MinimumNArgs(1),
	}
	t.register(cmd)
	t.registerTimeout(cmd)
	f := cmd.Flags()
	f.Int64Var(&t.last, "last", 0, "begin with the last `N` records of each partition")
	f.BoolVar(&t.untilEnd, "until-end", false, "stop at what is the end now; without --last from the beginning")
	f.BoolVar(&t.json, "json", false, "print one line of JSON a record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if t.last < 0 {
			return usageError(fmt.Errorf("--last %d: want a number from 0", t.last))
		}
		return t.run(cmd, args)
	}
	return cmd
}

func (t *tail) run(cmd *cobra.Command, topics []string) error {
	ctx := cmd.Context()
	cfg, err := t.config(cmd, siskin.Config{ClientID: "siskin-cli"})
	if err != nil {
		return err
	}
	client, err := reach(ctx, cfg, security.Read, topics, tellOutage(cfg.Logger, cmd.ErrOrStderr()),
		kgo.KeepControlRecords(), // they can be the last of a partition
	)
	if err != nil {
		return err
	}
	defer client.Close()
	spans, err := t.spans(ctx, kadm.NewClient(client), topics)
	if err != nil {
		return err
	}
	client.AddConsumePartitions(spans.starts())
	if !t.untilEnd {
		fmt.Fprintf(cmd.ErrOrStderr(), "siskin: reading %s; Ctrl-C ends it\n", strings.Join(topics, ", "))
	}
	return t.follow(ctx, client, spans, cmd.OutOrStdout())
}

// follow prints records until the end, if there is to be one.
func (t *tail) follow(ctx context.Context, client *kgo.Client, left spans, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go fetch.Wake(ctx, client)
	out := bufio.NewWriter(stdout)
	write := t.printer(stdout)
	for !t.untilEnd || len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return errors.Join(err, out.Flush())
		}
		if err := fetchError(fetches); err != nil {
			return errors.Join(err, out.Flush())
		}
		for r := range fetches.RecordsAll() {
			if t.untilEnd && !left.pass(r) || r.Attrs.IsControl() {
				continue
			}
			if err := write(out, r); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) printer(stdout io.Writer) func(io.Writer, *kgo.Record) error {
	if t.json {
		return printRecordJSON
	}
	return recordPrinter{dim: func(text string) string { return dim(stdout, text) }}.print
}

// fetchError is the first error that reading again cannot mend.
func fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, kerr.UnknownTopicOrPartition) || errors.Is(e.Err, kerr.UnknownTopicID) {
			return fail(exitNoSuchTopic, fmt.Errorf("the topic %q is gone", e.Topic), "")
		}
		if e.Err != nil {
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, security.OnTopic(security.Read, e.Topic, e.Err))
		}
	}
	return nil
}
