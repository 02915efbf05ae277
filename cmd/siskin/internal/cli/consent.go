package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// consent is the flags of a verb that changes what is there for others.
type consent struct {
	yes    bool
	dryRun bool
}

func (c *consent) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.dryRun, "dry-run", false, "only print what would be done")
	f.BoolVarP(&c.yes, "yes", "y", false, "do it without asking; without it and without a terminal nothing is done")
}

// ask asks the person at the terminal, who is told what is going to happen.
func (c *consent) ask(cmd *cobra.Command, what string) error {
	refused := fail(exitUsage, errors.New("nothing was done: there is no terminal to ask at"),
		"see what would be done with --dry-run, and do it with --yes")
	if stdin, ok := cmd.InOrStdin().(*os.File); !ok || !terminal(stdin) {
		return refused
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "siskin: %s\ngo on? [y/N] ", what)
	answer := make(chan string, 1)
	go func() { // Ctrl-C does not end a read
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil {
			close(answer)
			return
		}
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line, ok := <-answer:
		switch {
		case !ok:
			return refused
		case line == "y" || line == "yes":
			return nil
		}
		return fail(exitUnexpected, errors.New("nothing was done"), "")
	case <-cmd.Context().Done():
		return cmd.Context().Err()
	}
}
