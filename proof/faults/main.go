package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if settings := os.Getenv(roleEnv); settings != "" {
		os.Exit(act(settings))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

// act is the life of a process in another role.
func act(settings string) int {
	told := make(chan string, 1) // the first line from the run
	go func() {
		in := bufio.NewReader(os.Stdin)
		if first, err := in.ReadString('\n'); err == nil {
			told <- first
			_, _ = io.Copy(io.Discard, in)
		}
		os.Exit(exitOrphan)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var r role
	err := json.Unmarshal([]byte(settings), &r)
	switch {
	case err != nil:
	case r.Service != nil:
		err = runService(ctx, *r.Service, told)
	case r.Broker != nil:
		err = runBroker(ctx, *r.Broker)
	default:
		err = errors.New("no role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// options are what the command line says.
type options struct {
	seed     uint64
	size     size
	short    bool
	brokers  string
	out      string
	keep     string
	planOnly bool
}

// The sizes of a run when nothing is said.
var (
	long  = size{events: 200_000, requests: 50_000, rate: 500}
	short = size{events: 10_000, requests: 2_500, rate: 200}
)

func parse() (options, error) {
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "seed of the plan; 0 takes a random one")
	flag.IntVar(&o.size.events, "messages", 0, fmt.Sprintf("events to send (default %d, short %d)", long.events, short.events))
	flag.IntVar(&o.size.requests, "requests", 0, fmt.Sprintf("requests to send (default %d, short %d)", long.requests, short.requests))
	flag.IntVar(&o.size.rate, "rate", 0, fmt.Sprintf("events a second (default %d, short %d)", long.rate, short.rate))
	flag.BoolVar(&o.short, "short", false, "a short run")
	flag.StringVar(&o.brokers, "brokers", "both", "embedded, kafka or both")
	flag.StringVar(&o.out, "out", "", "folder for latest.json and latest.md; nothing is written without it")
	flag.StringVar(&o.keep, "keep", "", "folder in which journals and logs are kept")
	flag.BoolVar(&o.planOnly, "plan", false, "print the plan and do nothing")
	flag.Parse()
	if o.brokers != "embedded" && o.brokers != "kafka" && o.brokers != "both" {
		return o, fmt.Errorf("--brokers %q: want embedded, kafka or both", o.brokers)
	}
	base := long
	if o.short {
		base = short
	}
	for _, f := range []struct{ to, from *int }{
		{&o.size.events, &base.events}, {&o.size.requests, &base.requests}, {&o.size.rate, &base.rate},
	} {
		if *f.to < 0 {
			return o, errors.New("a number of messages, requests or a rate cannot be negative")
		}
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}
	return o, nil
}

func (o options) kinds() []string {
	if o.brokers == "both" {
		return []string{"embedded", "kafka"}
	}
	return []string{o.brokers}
}

var nodesOf = map[string]int{"embedded": 1, "kafka": kafkaNodes}

func command(ctx context.Context) error {
	o, err := parse()
	if err != nil {
		return err
	}
	var results []*result
	dirty := false
	for _, kind := range o.kinds() {
		p := newPlan(o.seed, o.size, nodesOf[kind])
		if o.planOnly {
			p.print(os.Stdout)
			continue
		}
		fmt.Printf("\nseed %d; the same plan again: %s\n", o.seed, o.replay(kind))
		r, err := o.play(ctx, p, kind)
		if err != nil {
			return err
		}
		r.print(os.Stdout)
		results = append(results, r)
		dirty = dirty || !r.clean()
	}
	if o.out != "" && len(results) > 0 {
		if err := write(results, o.out, o.replay(o.brokers)); err != nil {
			return err
		}
	}
	if dirty {
		return fmt.Errorf("seed %d shows faults", o.seed)
	}
	return nil
}

func (o options) play(ctx context.Context, p plan, kind string) (*result, error) {
	if o.keep != "" {
		if err := os.MkdirAll(o.keep, 0o755); err != nil {
			return nil, err
		}
	}
	folder, err := os.MkdirTemp(o.keep, fmt.Sprintf("siskin-faults-%s-%d-", kind, o.seed))
	if err != nil {
		return nil, err
	}
	if o.keep == "" {
		defer func() { _ = os.RemoveAll(folder) }()
	}
	return play(ctx, p, kind, folder, os.Stdout)
}

// replay is the command that plays the same plan again.
func (o options) replay(kind string) string {
	return fmt.Sprintf("scripts/faults --seed %d --messages %d --requests %d --rate %d --brokers %s",
		o.seed, o.size.events, o.size.requests, o.size.rate, kind)
}
