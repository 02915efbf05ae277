package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/load"
	"github.com/spf13/cobra"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast a service answers or a topic takes events",
		Example: `  siskin bench call sum '[1,2,3]' --in-flight 64
  siskin bench call sum '[1,2,3]' --rate 500 --in-flight 100 --duration 1m
  siskin bench emit orders.placed '{"id":1}' --count 10000 --json`,
		Long: `  This is load on a service and a topic that others may use too. There is never
  more of it than the flags say: by default one call at a time, for 10 seconds.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("bench has no %q; it has call and emit", args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newBenchCall(), newBenchEmit())
	return cmd
}

// benchLong explains the figures of both verbs.
const benchLong = `  Without --rate each answer begins the next call, and a slow service gets less
  load. With --rate calls are due by the clock. A call that is late, because
  --in-flight others have no answer yet, is measured from when it was due; calls
  that --duration leaves no time for are not made.

  A failed call is counted, and the first error is printed at the end. Ctrl-C ends
  it early and prints what there is.`

func newBenchCall() *cobra.Command {
	var b bench
	cmd := &cobra.Command{
		Use:     "call PATTERN JSON|@FILE|-",
		Short:   "Send one request again and again, and print how fast the replies came",
		Example: `  siskin bench call sum '[1,2,3]' --in-flight 64 --duration 30s`,
		Long:    benchLong,
		Args:    wants(2, "a pattern and a payload"),
	}
	b.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return b.run(cmd, args, func(client *siskin.Client, m message) (siskin.Contract, func(context.Context) error) {
			return siskin.NewRPC[json.RawMessage, json.RawMessage](m.topic), func(ctx context.Context) error {
				_, err := siskin.Send[json.RawMessage](ctx, client, m.topic, m.value, m.opts...)
				return err
			}
		})
	}
	return cmd
}

func newBenchEmit() *cobra.Command {
	var b bench
	cmd := &cobra.Command{
		Use:     "emit TOPIC JSON|@FILE|-",
		Short:   "Send one event again and again, and print how fast the broker stored it",
		Example: `  siskin bench emit orders.placed '{"id":1}' --count 10000 --in-flight 100`,
		Long:    benchLong,
		Args:    wants(2, "a topic and a payload"),
	}
	b.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return b.run(cmd, args, func(client *siskin.Client, m message) (siskin.Contract, func(context.Context) error) {
			return siskin.NewEvent[json.RawMessage](m.topic), func(ctx context.Context) error {
				_, err := client.Emit(ctx, m.topic, m.value, m.opts...)
				return err
			}
		})
	}
	return cmd
}

// bench is the flags of both verbs.
type bench struct {
	outgoing
	plan load.Plan
}

const benchDuration = 10 * time.Second

func (b *bench) register(cmd *cobra.Command) {
	b.outgoing.register(cmd)
	f := cmd.Flags()
	f.IntVar(&b.plan.InFlight, "in-flight", 1, "most `CALLS` at a time")
	f.DurationVar(&b.plan.Duration, "duration", benchDuration, "`TIME` in which calls are begun; 0 is without end")
	f.Uint64Var(&b.plan.Count, "count", 0, "number of `CALLS`; with it there is no --duration unless you give one")
	f.Float64Var(&b.plan.Rate, "rate", 0, "`CALLS` a second by the clock; 0 begins one when another is answered")
}

// run prepares everything before it measures.
func (b *bench) run(
	cmd *cobra.Command, args []string, prepare func(*siskin.Client, message) (siskin.Contract, func(context.Context) error),
) error {
	if b.plan.Count > 0 && !cmd.Flags().Changed("duration") {
		b.plan.Duration = 0
	}
	if err := b.plan.Validate(); err != nil {
		return usageError(err)
	}
	m, err := b.message(cmd, args)
	if err != nil {
		return err
	}
	return m.send(cmd.Context(), func(client *siskin.Client) error {
		contract, call := prepare(client, m)
		if err := client.Ready(cmd.Context(), contract); err != nil {
			return err
		}
		res, err := load.Run(cmd.Context(), b.plan, call)
		if err != nil {
			return err
		}
		if err := b.print(cmd.OutOrStdout(), res); err != nil {
			return err
		}
		if res.Failed > 0 {
			err = fmt.Errorf("%d calls failed, the first one: %w", res.Failed, res.Err)
		}
		return errors.Join(cmd.Context().Err(), err)
	})
}
