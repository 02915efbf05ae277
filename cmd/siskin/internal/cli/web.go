package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathapi"
	"github.com/siskin-go/siskin/examples/demo/mathhttp"
	"github.com/siskin-go/siskin/gateway"
)

// startWeb runs the half of the demo that takes HTTP. It listens at once;
// as long as no broker has answered, it answers 503.
func startWeb(s *stage, cfg siskin.Config, listen string) error {
	client, err := siskin.NewClient(cfg)
	if err != nil {
		return err
	}
	ln, err := listenWeb(listen)
	if err != nil {
		return errors.Join(err, closeClient(client))
	}
	app := &curtain{up: make(chan struct{}), app: mathhttp.Handler(client)}
	server := &http.Server{
		Handler: app, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() {
		err := server.Serve(ln)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		} else {
			s.fail(err)
		}
		ended <- err
	}()
	s.add(part{
		ready: func(ctx context.Context) error {
			err := prepare(ctx, client)
			if err == nil {
				close(app.up)
			}
			return err
		},
		stop: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), cfg.Drain)
			defer cancel()
			return errors.Join(server.Shutdown(ctx), <-ended, closeClient(client))
		},
		hint: curls(ln),
	})
	fmt.Fprintf(s.tell, "http    http://%s\n", reachable(ln))
	return nil
}

// prepare makes everything that the first calls need. It tries again as long as
// that can help, so that a broker may come, go and come back meanwhile.
func prepare(ctx context.Context, client *siskin.Client) error {
	for {
		err := client.Ready(ctx, mathapi.Sum, mathapi.Max, mathapi.Print)
		if err == nil || ctx.Err() != nil || errors.Is(err, siskin.ErrMissingTopics) || denied(err) {
			return err
		}
		slog.Warn("not ready, trying again", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// curtain keeps callers from waiting long for a broker that was never there. A
// start takes less than a second, and who calls during it gets an answer.
type curtain struct {
	up  chan struct{} // closed when everything is ready
	app http.Handler
}

// startPatience is how long a request waits for the start.
const startPatience = 2 * time.Second

func (c *curtain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !c.wait(r.Context()) {
		gateway.Error(w, r, siskin.Errorf(siskin.CodeUnavailable, "the broker has not answered yet"))
		return
	}
	c.app.ServeHTTP(w, r)
}

func (c *curtain) wait(ctx context.Context) bool {
	select {
	case <-c.up:
		return true
	default:
	}
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case <-c.up:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// listenWeb listens where it is told to, or else on port 3000 or the next free
// one.
func listenWeb(addr string) (net.Listener, error) {
	if addr != "" {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, fail(exitUnexpected, err, "name another port with --listen, or none for the next free one")
		}
		return ln, nil
	}
	const first, tries = 3000, 100
	var ln net.Listener
	var err error
	for port := first; port < first+tries; port++ {
		ln, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if port != first {
			slog.Warn("port taken, using the next free one", "wanted", first, "addr", ln.Addr())
		}
		break
	}
	return ln, err
}

// reachable is the address to type on this machine.
func reachable(ln net.Listener) string {
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() && !at.IP.IsUnspecified() {
		return ln.Addr().String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(at.Port))
}

// curls are commands to try.
func curls(ln net.Listener) string {
	const line = "  curl -H 'content-type: application/json' -d '%s' %s/%s\n"
	addr := reachable(ln)
	return "\n" + fmt.Sprintf(line, "[1,2,3]", addr, "sum") +
		fmt.Sprintf(line, "[4,9,2]", addr, "max") +
		fmt.Sprintf(line, `{"message":"hi"}`, addr, "print") + "\n"
}
