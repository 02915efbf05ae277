package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or a topic",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(fmt.Errorf("no help about %q", strings.Join(args, " ")))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// help begins with examples, because that is what people look for.
func help(cmd *cobra.Command, _ []string) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s.\n", cmd.Short)
	section(w, "Examples", cmd.Example)
	section(w, "About", cmd.Long)
	_ = usage(cmd)
}

func section(w io.Writer, title, text string) {
	if text != "" {
		fmt.Fprintf(w, "\n%s:\n%s\n", title, strings.TrimRight(text, "\n"))
	}
}

func usage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	if cmd.Runnable() {
		section(w, "Usage", "  "+cmd.UseLine())
	}
	var verbs, topics strings.Builder
	for _, sub := range cmd.Commands() {
		switch {
		case sub.IsAdditionalHelpTopicCommand():
			fmt.Fprintf(&topics, "  siskin help %-12s %s\n", sub.Name(), sub.Short)
		case sub.IsAvailableCommand():
			fmt.Fprintf(&verbs, "  %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	section(w, "Commands", verbs.String())
	if !cmd.IsAdditionalHelpTopicCommand() {
		section(w, "Flags", cmd.Flags().FlagUsages())
	}
	section(w, "More", topics.String())
	return nil
}
