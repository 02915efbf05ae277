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
	"runtime/pprof"
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

// profile writes a CPU profile of this process to file until the returned
// function is called. Without a file it does nothing.
func profile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("-profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close() // an incomplete profile shows when it is read
	}, nil
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
	stopProfile, err := profile(set.profile)
	if err != nil {
		return err
	}
	rep, err := newBench(set, stderr).all(ctx)
	stopProfile()
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
