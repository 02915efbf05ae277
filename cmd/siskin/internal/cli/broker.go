package cli

import (
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/spf13/cobra"
)

func newBroker() *cobra.Command {
	var cfg devbroker.Config
	var verbose bool
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run an embedded Kafka broker, for development",
		Example: `  siskin broker                                       # in memory
  siskin broker --data-dir .kafka                     # kept between runs
  siskin broker --listen 0.0.0.0:9092 --advertise my-laptop`,
		Long: `  It prints its address on stdout and runs until Ctrl-C. Every Kafka client can
  use it. It is not for production: one copy of each record, no passwords. A
  port that --listen names is used or it is an error; without --listen it is
  9092 or the next free one. With --data-dir, a kill at any moment loses nothing
  that was acknowledged; a power cut only does not with --sync as well.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Listen, "listen", "", "`HOST:PORT` to listen on; no host means this machine only, port 0 any free one")
	f.StringVar(&cfg.Advertise, "advertise", "", "`HOST` that clients are told to connect to")
	f.StringVar(&cfg.DataDir, "data-dir", "", "`FOLDER` that keeps topics, records and offsets")
	f.BoolVar(&cfg.SyncWrites, "sync", false, "with --data-dir: flush each write to the disk, so that a power cut loses none; slow")
	f.DurationVar(&cfg.RetentionCheck, "retention-check", 0, "how often old records are removed (default 1m0s)")
	f.BoolVarP(&verbose, "verbose", "v", false, "tell more on stderr")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg.ExactPort = cmd.Flags().Changed("listen")
		cfg.Logger = newLogger(cmd.ErrOrStderr(), verbose)
		return runBroker(cmd, cfg)
	}
	return cmd
}

func runBroker(cmd *cobra.Command, cfg devbroker.Config) error {
	if cfg.SyncWrites && cfg.DataDir == "" {
		return usageError(errors.New("--sync: there is nothing to flush in memory; name a folder with --data-dir"))
	}
	b, err := devbroker.Start(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), b.Addr())
	fmt.Fprintf(cmd.ErrOrStderr(), "siskin: a Kafka broker, %s; not for production; Ctrl-C ends it\n", keeping(cfg.DataDir))
	<-cmd.Context().Done()
	return b.Close()
}

func keeping(folder string) string {
	if folder == "" {
		return "in memory"
	}
	return "kept in " + folder
}
