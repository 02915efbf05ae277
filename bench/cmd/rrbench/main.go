// Rrbench measures request–reply over Kafka: the request [1,2,3], the reply 6.
//
// It runs its sides in turn, round after round, against one broker, at several
// numbers of calls in flight, and prints medians and the ratio to the side
// "raw", a hand-written franz-go loop. See README.md beside go.mod.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "rrbench:", err)
		os.Exit(1)
	}
}

// run is the program without its process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	set, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if set.role != "" {
		return runChild(set, stdin, stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rep, err := newBench(set, stderr).all(ctx)
	if err != nil {
		return err
	}
	if err := rep.print(stdout); err != nil {
		return err
	}
	if set.json == "" {
		return nil
	}
	return rep.write(set.json)
}
