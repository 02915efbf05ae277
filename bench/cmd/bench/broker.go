package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/devbroker"
)

// broker is one that runs, with the way to end it.
type broker struct {
	rounds.Broker
	stop func() error
}

// serveBroker is the embedded broker as a program: it prints its addresses and
// ends when stdin does. Topics that keep only so much are cut each second.
func serveBroker(stdin io.Reader, stdout io.Writer) error {
	signal.Ignore(os.Interrupt) // the parent gets it too, and ends us in order
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", RetentionCheck: time.Second})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, strings.Join(b.Addrs(), ","))
	if err == nil {
		_, err = io.Copy(io.Discard, stdin)
	}
	return errors.Join(err, b.Close())
}

// startEmbedded starts the embedded broker in a process of its own, so that its
// work is not in the figures of the sides.
func startEmbedded(ctx context.Context) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := half.Start(ctx, self, "broker")
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return &broker{rounds.Broker{Name: "embedded", Addrs: list(p.Ready()), Used: p.Used}, p.Close}, nil
}

// useKafka uses a broker that runs, whose process is pid if that is not 0.
func useKafka(addrs []string, pid int) *broker {
	b := &broker{rounds.Broker{Name: "kafka", Addrs: addrs}, func() error { return nil }}
	if pid > 0 {
		b.Used = func() half.Used { return half.UsedBy(pid) }
	}
	return b
}
