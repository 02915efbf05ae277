package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// settings are what the command line says.
type settings struct {
	brokers    []string // empty: the embedded broker
	sides      []side.Side
	inFlight   []int
	duration   time.Duration
	warmup     time.Duration
	delay      time.Duration // that the handler takes
	rounds     int
	partitions int
	separate   bool // the server in a process of its own
	firstCalls int  // above 0: measure first calls instead of load
	json       string
	profile    string

	role    string // set in a child process only
	pattern string // set in a child process only
}

// parse reads the command line. Its errors name the flag.
func parse(args []string, usage io.Writer) (settings, error) {
	var s settings
	var brokers, names, inFlight string
	f := flag.NewFlagSet("rrbench", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&brokers, "brokers", "", "comma-separated `addresses` of a broker; without them an embedded one is started")
	f.StringVar(&names, "sides", sideNames(), "comma-separated `names` of what to measure")
	f.StringVar(&inFlight, "in-flight", "1,64,512", "comma-separated `numbers` of calls in flight")
	f.DurationVar(&s.duration, "duration", 3*time.Second, "how long one run measures")
	f.DurationVar(&s.warmup, "warmup", time.Second, "how long one run warms up first")
	f.DurationVar(&s.delay, "handler-delay", 0, "how long the handler waits before it answers; try it with -in-flight 64")
	f.IntVar(&s.rounds, "rounds", 3, "how often everything is run")
	f.IntVar(&s.partitions, "partitions", 1, "partitions of the request and reply topics")
	f.BoolVar(&s.separate, "separate", false, "run the server in a process of its own")
	f.IntVar(&s.firstCalls, "first-call", 0, "measure the first call of `N` new clients instead of load")
	f.StringVar(&s.json, "json", "", "also write the figures to `FILE`")
	f.StringVar(&s.profile, "profile", "", "also write a CPU profile of this process to `FILE`")
	f.StringVar(&s.role, "role", "", "internal: what a child process does")
	f.StringVar(&s.pattern, "pattern", "", "internal: the topic of a child process")
	if err := f.Parse(args); err != nil {
		return settings{}, err
	}
	if f.NArg() > 0 {
		return settings{}, fmt.Errorf("argument %q: there are only flags; try -help", f.Arg(0))
	}
	var errSides, errInFlight error
	s.brokers = list(brokers)
	s.sides, errSides = findSides(list(names))
	s.inFlight, errInFlight = numbers(list(inFlight))
	return s, errors.Join(errSides, errInFlight, s.validate())
}

func (s settings) validate() error {
	var errs []error
	if len(s.sides) == 0 {
		errs = append(errs, fmt.Errorf("-sides: give at least one of %s", sideNames()))
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"rounds", s.rounds}, {"partitions", s.partitions}} {
		if n.value < 1 {
			errs = append(errs, fmt.Errorf("-%s %d: must be at least 1", n.flag, n.value))
		}
	}
	if s.duration <= 0 || s.warmup < 0 {
		errs = append(errs, fmt.Errorf("-duration %v: must be above 0, -warmup %v: must not be negative", s.duration, s.warmup))
	}
	if s.delay < 0 {
		errs = append(errs, fmt.Errorf("-handler-delay %v: must not be negative", s.delay))
	}
	if s.firstCalls < 0 {
		errs = append(errs, fmt.Errorf("-first-call %d: must not be negative", s.firstCalls))
	}
	return errors.Join(errs...)
}

// list splits at commas and drops what is empty.
func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

func numbers(texts []string) ([]int, error) {
	if len(texts) == 0 {
		return nil, errors.New("-in-flight: give at least one number")
	}
	var all []int
	for _, text := range texts {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-in-flight %q: must be a number from 1 on", text)
		}
		all = append(all, n)
	}
	return all, nil
}
