package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// serviceSettings say what a service process does.
type serviceSettings struct {
	Brokers []string
	Plan    plan
	Slot    int
	Journal string // path
}

const (
	group      = "faults"
	partitions = 6
)

// config is what services and clients share. What is not named here is what users
// get by default.
func config(brokers []string, l *link) siskin.Config {
	return siskin.Config{
		Brokers: brokers, ClientID: "faults", Topics: "create", Partitions: partitions,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Kafka:  []kgo.Opt{kgo.Dialer(l.dial)},
	}
}

// runService is the whole life of a service process. told has the time at which the
// plan begins, as soon as the run knows it.
func runService(ctx context.Context, set serviceSettings, told <-chan string) error {
	before := goleak.IgnoreCurrent()
	j, err := openJournal(set.Journal)
	if err != nil {
		return err
	}
	served := serve(ctx, set, j, told)
	last := line{What: ended}
	if served != nil {
		last.Text = served.Error()
	}
	if leak := goleak.Find(before); leak != nil {
		last.Left = strings.Count(leak.Error(), "Goroutine ")
		fmt.Fprintln(os.Stderr, leak)
	}
	j.write(last)
	return nil
}

func serve(ctx context.Context, set serviceSettings, j *journal, told <-chan string) error {
	l := newLink(set.Plan, service(set.Slot), set.Brokers)
	defer l.stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { l.await(ctx, told) })
	cfg := config(set.Brokers, l)
	cfg.Group, cfg.Protocol, cfg.Observe = group, set.Plan.Protocol, j.observe
	cfg.Drain = 5 * time.Second
	cfg.RetryAttempts, cfg.RetryInitial, cfg.RetryLongest = attempts, retryFirst, retryLongest
	if set.Slot == static {
		cfg.InstanceID = fmt.Sprintf("slot-%d", set.Slot)
	}
	svc, err := siskin.NewService(cfg)
	if err != nil {
		return err
	}
	svc.Use(j.middleware)
	bound := siskin.WithTimeout(handlerTime)
	for _, m := range modes {
		siskin.On(svc, m.topic(), func(ctx context.Context, n note) error { return meet(ctx, n) },
			append([]siskin.HandlerOption{bound}, m.options...)...)
	}
	siskin.Handle(svc, requestTopic, func(ctx context.Context, n note) (note, error) { return n, meet(ctx, n) }, bound)
	go func() {
		if svc.Ready(ctx) == nil {
			fmt.Println("ready")
		}
	}()
	beside.Go(func() { j.sample(ctx, svc) })
	return svc.Run(ctx)
}

// await begins the faults when the run says when.
func (l *link) await(ctx context.Context, told <-chan string) {
	select {
	case text := <-told:
		epoch, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text))
		if err != nil {
			panic(err) // the run is this program too
		}
		l.begin(epoch)
	case <-ctx.Done():
	}
}

var errFlaky = errors.New("fails as it should")

// meet is what each handler does: what the record says.
func meet(ctx context.Context, n note) error {
	d, ok := siskin.DeliveryFrom(ctx)
	if !ok {
		return errors.New("a handler without a delivery")
	}
	switch {
	case n.Fate == panics:
		panic("panics as it should")
	case n.Fate == hangs:
		<-ctx.Done()
		return ctx.Err()
	case n.Fate == flaky && d.Attempt() <= failures:
		if d.Request() {
			return siskin.RetryAfter(retryFirst, errFlaky) // a request is tried once
		}
		return errFlaky
	}
	return nil
}

// middleware writes down when an attempt begins and how it ends, also of records
// that cannot be decoded.
func (j *journal) middleware(next siskin.Handler) siskin.Handler {
	return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) (err error) {
		l := line{
			What: began, Topic: d.Topic(), Partition: d.Partition(), Offset: d.Offset(), Key: string(d.Key()),
			Generation: j.generation(d.Topic(), d.Partition()), Attempt: d.Attempt(),
		}
		if cause := context.Cause(ctx); errors.Is(cause, siskin.ErrPartitionLost) || errors.Is(cause, siskin.ErrDrained) {
			l.What = stale
		}
		j.write(l)
		l.What = failed // also for a panic
		defer func() { j.write(l) }()
		if err = next(ctx, d, reply); err == nil {
			l.What = went
		}
		return err
	}
}

// sample writes down how much is in memory, until ctx ends.
func (j *journal) sample(ctx context.Context, svc *siskin.Service) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		l := line{What: sampled, Heap: heap(), Goroutines: runtime.NumGoroutine()}
		for _, p := range svc.Info().Partitions {
			l.Waiting, l.Span, l.Bytes = max(l.Waiting, p.Waiting), max(l.Span, p.Span), max(l.Bytes, p.Bytes)
		}
		j.write(l)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// heap is how many bytes live objects and those not yet swept take.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
