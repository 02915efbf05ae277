package proof_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/siskin-go/siskin"
)

// serviceEnv makes the test binary a service; it holds its settings as JSON.
const serviceEnv = "SISKIN_PROOF_SERVICE"

// Exit codes of a service process.
const (
	exitFailed = 1
	exitMute   = 3 // nobody reads its lines
	exitOrphan = 4 // its parent has ended
)

// serviceSettings say what a service process does.
type serviceSettings struct {
	Brokers  []string
	Group    string
	Events   string // topic, or empty
	Requests string // topic
	// Work is the longest time that a handler takes; each record has a share
	// of it that its number gives, so that neighbours take different times.
	Work time.Duration
}

// partitions is how many partitions each topic has.
const partitions = 4

// note is what travels: the number counts up within a key.
type note struct {
	Key string
	Seq int
}

// answer is the reply to a note.
type answer struct {
	Note note
	PID  int
}

// config is the settings that services and clients share. What is not named
// here is what users get by default.
func config(brokers []string, group string, log io.Writer) siskin.Config {
	return siskin.Config{
		Brokers: brokers, ClientID: "proof", Group: group,
		Topics: "create", Partitions: partitions,
		Session: 6 * time.Second, Drain: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
}

// runService is the whole life of a service process.
func runService(text string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitOrphan)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return 0
}

func serve(ctx context.Context, text string) error {
	var set serviceSettings
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return err
	}
	j := &journal{generations: make(map[partition]int)}
	cfg := config(set.Brokers, set.Group, os.Stderr)
	cfg.Observe = j.observe
	svc, err := siskin.NewService(cfg)
	if err != nil {
		return err
	}
	h := handlers{journal: j, work: set.Work}
	if set.Events != "" {
		siskin.On(svc, set.Events, h.event)
	}
	siskin.Handle(svc, set.Requests, h.request)
	go func() {
		if svc.Ready(ctx) == nil {
			j.write(line{What: "ready"})
		}
	}()
	return svc.Run(ctx)
}

// handlers tell when they begin and when they end.
type handlers struct {
	journal *journal
	work    time.Duration
}

func (h handlers) event(ctx context.Context, n note) error { return h.handle(ctx, "event", n) }

func (h handlers) request(ctx context.Context, n note) (answer, error) {
	return answer{Note: n, PID: os.Getpid()}, h.handle(ctx, "request", n)
}

func (h handlers) handle(ctx context.Context, name string, n note) error {
	d, ok := siskin.DeliveryFrom(ctx)
	if !ok {
		return errors.New("a handler without a delivery")
	}
	l := line{
		What: "begin", Handler: name, Topic: d.Topic(), Partition: d.Partition(), Offset: d.Offset(),
		Key: string(d.Key()), Seq: n.Seq, Generation: h.journal.generation(d.Topic(), d.Partition()),
	}
	h.journal.write(l)
	if h.work > 0 {
		// The number decides the share: 3/4, 2/4, 1/4, none, and again.
		<-time.After(h.work * time.Duration(3-n.Seq%4) / 4)
	}
	l.What = "done"
	h.journal.write(l)
	return nil
}
