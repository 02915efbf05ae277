// Package cli is the siskin command line. Each verb has a file of its own; what
// they share is how they reach the brokers (connect.go), how they end (exit.go)
// and how they look (help.go, color.go).
package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// Main runs the command line of this process and returns its exit code.
func Main() int {
	ctx, stop := interruptible(context.Background(), os.Stderr)
	defer stop()
	root := newRoot()
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	verb, err := root.ExecuteContextC(ctx)
	if err != nil && !started {
		err = usageError(err) // cobra refused the arguments
	}
	return report(ctx, os.Stderr, verb.CommandPath(), err)
}

// wants refuses any other number of arguments, and says what they are.
func wants(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return fmt.Errorf("%s wants %s", cmd.Name(), what)
		case len(args) > n:
			return fmt.Errorf("%s wants %s, got %d arguments; are quotes missing?", cmd.Name(), what, len(args))
		}
		return nil
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "siskin",
		Short: "Run, call and watch microservices on Kafka",
		Example: `  siskin demo                       # broker, service and HTTP app; no Docker, no Java
  siskin call sum '[1,2,3]'         # one request, one reply
  siskin tail sum sum.reply         # see the records as they come`,
		SilenceErrors:              true, // report prints them
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetHelpFunc(help)
	root.SetUsageFunc(usage)
	root.AddCommand(
		newDemo(), newBroker(), newCall(), newEmit(), newBench(), newTail(), newDLT(), newVersion(), newExitCodes(), newSecurity(),
	)
	root.SetHelpCommand(newHelp())
	return root
}
