// Bench measures request–reply and events over Kafka: a hand-written franz-go
// loop, Siskin, and peers in other languages, in turn on one broker. See
// README.md beside go.mod.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/siskin-go/siskin/bench/internal/program"
	"github.com/siskin-go/siskin/bench/internal/raw"
	"github.com/siskin-go/siskin/bench/internal/report"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/siskinpeer"
)

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program without its process. It is also the programs that are
// measured, so that each is a process of its own.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "broker":
		return serveBroker(stdin, stdout)
	case len(args) > 1 && args[0] == "side":
		return runSide(args[1], args[2:], stdin, stdout)
	}
	set, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if set.from != "" && set.endure > 0 {
		return set.endureAgain(stdout)
	}
	if set.from != "" {
		return set.again(stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if set.endure > 0 {
		return set.endurance(ctx, stdout, stderr)
	}
	return set.measure(ctx, stdout, stderr)
}

func runSide(name string, args []string, stdin io.Reader, stdout io.Writer) error {
	sides := map[string]side.Side{rounds.Baseline: raw.Side{}, "siskin": siskinpeer.Side{}}
	s, ok := sides[name]
	if !ok {
		return fmt.Errorf("side %q: unknown", name)
	}
	return program.Main(s, args, stdin, stdout)
}

// measure runs everything and writes what it brought. Of a session that was
// broken off it only prints what there is.
func (set *settings) measure(ctx context.Context, stdout, stderr io.Writer) error {
	session := &rounds.Session{
		Sides: set.sides, Works: set.works, Rounds: set.rounds,
		Duration: set.duration, Warmup: set.warmup, Progress: stderr, PeersOn: set.peersOn, PeersAt: set.peersAt,
	}
	rep := report.New(session)
	var runs []rounds.Run
	var broken error
	for _, start := range set.brokers() {
		more, err := onBroker(ctx, session, start)
		runs = append(runs, more...)
		if err != nil {
			broken = err
			break
		}
	}
	rep.End(runs)
	if err := errors.Join(broken, rep.Print(stdout)); err != nil {
		return err
	}
	return set.publish(rep)
}

// again measures nothing: it prints and publishes what an earlier run of this
// program has written.
func (set *settings) again(stdout io.Writer) error {
	rep, err := report.Read(set.from)
	if err != nil {
		return err
	}
	rep.Sum()
	if err := rep.Print(stdout); err != nil {
		return err
	}
	return set.publish(rep)
}

func onBroker(ctx context.Context, session *rounds.Session, start func(context.Context) (*broker, error)) (runs []rounds.Run, err error) {
	b, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	return session.On(ctx, b.Broker)
}

// publish writes the files that were asked for.
func (set *settings) publish(rep *report.Report) error {
	if set.json != "" {
		if err := rep.Write(set.json); err != nil {
			return err
		}
	}
	if set.document == "" {
		return nil
	}
	return publishDocument(rep, set.document)
}
