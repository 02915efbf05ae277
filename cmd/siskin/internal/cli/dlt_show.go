package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/internal/letter"
	"github.com/spf13/cobra"
)

// dltShow is the flags of the verb.
type dltShow struct {
	connection

	json bool
}

func newDLTShow() *cobra.Command {
	s := dltShow{}
	cmd := &cobra.Command{
		Use:   "show TOPIC/PARTITION@OFFSET | TOPIC PARTITION OFFSET",
		Short: "Print all that is known about one dead letter",
		Example: `  siskin dlt show orders-dlt/0@17
  siskin dlt show orders-dlt 0 17 --json | jq .headers`,
		Long: `  A value that is JSON is set out over several lines, and one that is no text is
  shown in hexadecimal.`,
		Args: cobra.RangeArgs(1, 3),
	}
	s.register(cmd)
	s.registerTimeout(cmd)
	cmd.Flags().BoolVar(&s.json, "json", false, "print one line of JSON")
	cmd.RunE = s.run
	return cmd
}

func (s *dltShow) run(cmd *cobra.Command, args []string) error {
	topic, number, offset, err := parsePlace(args)
	if err != nil {
		return usageError(err)
	}
	box, _, err := s.openLetters(cmd, []string{topic}, redrive.ReadOptions()...)
	if err != nil {
		return err
	}
	defer box.Close()
	found := false
	if box.topics[0].Narrow(number, offset) {
		err = redrive.List(cmd.Context(), box.Client, box.topics, redrive.Filter{}, func(l letter.Letter, redriven bool) (bool, error) {
			found = true
			return false, s.print(cmd.OutOrStdout(), l, redriven)
		})
	}
	if err == nil && !found {
		return fail(exitUsage, fmt.Errorf("there is no letter at %s/%d@%d", topic, number, offset),
			fmt.Sprintf("siskin dlt list %s", topic))
	}
	return letterError(err)
}

func (s *dltShow) print(w io.Writer, l letter.Letter, redriven bool) error {
	if s.json {
		return printLetterJSON(w, l, redriven)
	}
	return printLetter(w, l, redriven)
}

// parsePlace reads TOPIC/PARTITION@OFFSET, or the three as words.
func parsePlace(args []string) (topic string, number int32, offset int64, err error) {
	if len(args) == 1 {
		rest, at, _ := strings.Cut(args[0], "@")
		name, part, _ := strings.Cut(rest, "/")
		args = []string{name, part, at}
	}
	wrong := errors.New("show wants a letter as TOPIC/PARTITION@OFFSET, or its topic, partition and offset")
	if len(args) != 3 {
		return "", 0, 0, wrong
	}
	n, err := strconv.ParseInt(args[1], 10, 32)
	if err != nil || n < 0 {
		return "", 0, 0, wrong
	}
	offset, err = strconv.ParseInt(args[2], 10, 64)
	if err != nil || offset < 0 {
		return "", 0, 0, wrong
	}
	return args[0], int32(n), offset, nil
}
