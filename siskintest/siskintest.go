// Package siskintest helps to test services and clients on a broker: an embedded
// one that lives as long as the test, or a real one that already runs.
package siskintest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
)

// BrokersEnv names the environment variable with the addresses, separated by
// commas, of a real broker to test on. When it is empty, each test gets an
// embedded broker of its own.
const BrokersEnv = "SISKIN_BROKERS"

// Real reports whether tests run on the broker of BrokersEnv.
func Real() bool { return os.Getenv(BrokersEnv) != "" }

// Brokers returns the addresses of a broker for tb. An embedded one is stopped
// when tb ends. On a real broker, tests share topics and groups: make their
// names with Name.
func Brokers(tb testing.TB) []string {
	tb.Helper()
	if addrs := os.Getenv(BrokersEnv); addrs != "" {
		return strings.Split(addrs, ",")
	}
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b.Addrs()
}

// Name returns a topic or group name that starts with base and is used by
// nobody else.
func Name(base string) string { return base + "-" + strings.ToLower(rand.Text()[:8]) }

// Config returns settings for a service or client on the broker of tb: a group
// of its own, and a log that tb shows when it fails. Each call without a real
// broker starts an embedded one: call it once a test and copy the result.
func Config(tb testing.TB) siskin.Config {
	tb.Helper()
	return siskin.Config{
		Brokers: Brokers(tb), ClientID: "test", Group: Name("group"), Topics: "create",
		Logger: slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
		Drain:  5 * time.Second,
	}
}

// Run starts the service and returns when it has joined its group. The service
// is stopped when tb ends, or by the returned function, which also returns what
// Run returned.
func Run(tb testing.TB, svc *siskin.Service) (stop func() error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Errorf("the service ended with: %v", err)
		}
	})
	joined, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	go func() {
		select {
		case err := <-ended: // it ended before it joined: Ready must not wait
			ended <- err
			done()
		case <-joined.Done():
		}
	}()
	if err := svc.Ready(joined); err != nil {
		tb.Fatal(err)
	}
	return stop
}

// Client returns a client that is closed when tb ends.
func Client(tb testing.TB, cfg siskin.Config) *siskin.Client {
	tb.Helper()
	client, err := siskin.NewClient(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return client
}

// Quiet is a logger that writes nowhere.
func Quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
