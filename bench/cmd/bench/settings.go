package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// settings are what the command line says.
type settings struct {
	sides    []rounds.Side
	works    []work.Work
	rounds   int
	duration time.Duration
	warmup   time.Duration
	embedded bool
	kafka    []string
	kafkaPID int
	peersOn  string
	peersAt  []work.Work
	json     string
	document string
	from     string // measure nothing, publish this
	growth   bool   // measure curves
	endure   uint64 // requests of one long run, and measure nothing else
}

// parse reads the command line. Its errors name the flag.
func parse(args []string, usage io.Writer) (*settings, error) {
	var s settings
	var kafka, sides, works, peers, peersAt string
	var events uint64
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(usage)
	f.BoolVar(&s.embedded, "embedded", true, "measure on the embedded broker")
	f.StringVar(&kafka, "kafka", "", "measure on the Kafka at these `addresses` too")
	f.IntVar(&s.kafkaPID, "kafka-pid", 0, "`PID` of that Kafka, to tell what it uses")
	f.StringVar(&sides, "sides", "", "`names` of the sides, with commas between; all without them")
	f.StringVar(&works, "works", "", "`names` of the works, with commas between; a name may end in *; all without them. There are "+work.Names(work.All(1)))
	f.StringVar(&peers, "peers", "", "`folder` whose sub-folders are sides, each with a program \"run\"")
	f.StringVar(&s.peersOn, "peers-on", "", "`name` of the only broker on which the peers run, embedded or kafka; both without it")
	f.StringVar(&peersAt, "peers-at", "", "`names` of the only works at which the peers run, as in -works; all without them")
	f.IntVar(&s.rounds, "rounds", 5, "how often everything is run")
	f.DurationVar(&s.duration, "duration", 5*time.Second, "how long one run measures")
	f.DurationVar(&s.warmup, "warmup", 3*time.Second, "how long one run warms up first")
	f.Uint64Var(&events, "events", 1_000_000, "how many events are handled in one run")
	f.StringVar(&s.json, "json", "", "also write the figures to `FILE`")
	f.StringVar(&s.document, "document", "", "also write the figures into this Markdown `FILE`, between its marks, and pictures beside it")
	f.StringVar(&s.from, "from", "", "measure nothing: print and publish what an earlier -json has written to `FILE`")
	f.BoolVar(&s.growth, "growth", false, "measure how cost grows with handlers, calls, clients and partitions; there are "+work.Names(work.Growth()))
	f.Uint64Var(&s.endure, "endurance", 0, "measure only what Siskin's memory does over `N` requests")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("argument %q: there are only flags; try -help", f.Arg(0))
	}
	s.kafka = list(kafka)
	var errWorks, errPeersAt error
	all := work.All(events)
	if s.growth {
		all = work.Growth()
	}
	s.works, errWorks = work.Choose(all, list(works))
	s.peersAt, errPeersAt = work.Choose(all, list(peersAt))
	return &s, errors.Join(s.findSides(peers, list(sides)), errWorks, errPeersAt, s.validate(events))
}

func (s *settings) findSides(peers string, names []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	all := rounds.OwnSides(self)
	if peers != "" {
		more, err := rounds.Peers(peers)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	s.sides, err = rounds.ChooseSides(all, names)
	return err
}

func (s *settings) validate(events uint64) error {
	var errs []error
	if s.rounds < 1 {
		errs = append(errs, fmt.Errorf("-rounds %d: must be at least 1", s.rounds))
	}
	if s.duration < time.Millisecond || s.warmup < 0 {
		errs = append(errs, fmt.Errorf("-duration %v: must be at least 1ms, -warmup %v: must not be negative", s.duration, s.warmup))
	}
	if s.growth && s.endure > 0 {
		errs = append(errs, errors.New("-growth and -endurance: one at a time"))
	}
	if s.peersOn != "" && s.peersOn != "embedded" && s.peersOn != "kafka" {
		errs = append(errs, fmt.Errorf("-peers-on %q: say embedded or kafka", s.peersOn))
	}
	if events < 1 {
		errs = append(errs, errors.New("-events 0: must be at least 1"))
	}
	if !s.embedded && len(s.kafka) == 0 {
		errs = append(errs, errors.New("-embedded=false: give the addresses of a Kafka with -kafka"))
	}
	return errors.Join(errs...)
}

// brokers are how to get at each broker that is to be measured on.
func (s *settings) brokers() []func(context.Context) (*broker, error) {
	var all []func(context.Context) (*broker, error)
	if s.embedded {
		all = append(all, startEmbedded)
	}
	if len(s.kafka) > 0 {
		all = append(all, func(context.Context) (*broker, error) { return useKafka(s.kafka, s.kafkaPID), nil })
	}
	return all
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
