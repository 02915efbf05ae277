package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// interrupted is the cause of a context that a signal has ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "ended by the signal: " + i.signal.String() }

// code is the exit code that shells give to a program which a signal ended.
func (i interrupted) code() int { return 128 + int(i.signal) }

// interruptible returns a context that the first SIGINT or SIGTERM ends, with
// an interrupted as its cause. The second one ends the process at once.
func interruptible(parent context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(cause(<-signals))
		last := cause(<-signals)
		fmt.Fprintln(stderr, "siskin: stopped at once")
		os.Exit(last.code())
	}()
	return ctx, func() { signal.Stop(signals) }
}

func cause(s os.Signal) interrupted {
	number, ok := s.(syscall.Signal)
	if !ok {
		number = syscall.SIGINT
	}
	return interrupted{signal: number}
}
