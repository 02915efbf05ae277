package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/side"
)

// slack is the time that a run may take besides warming up and measuring: a
// group's first rebalance, a busy machine. It bounds every run.
const slack = 90 * time.Second

// bench runs everything that the settings ask for.
type bench struct {
	candidates []*candidate // for first calls
	set        settings
	progress   io.Writer
	topics     *topics
	session    string // makes the names of this program's topics differ
	patterns   int
}

func newBench(set settings, progress io.Writer) *bench {
	return &bench{set: set, progress: progress, session: strings.ToLower(rand.Text()[:6])}
}

// all runs everything on the broker of the settings, or on an embedded one.
func (b *bench) all(ctx context.Context) (rep *report, err error) {
	brokers := b.set.brokers
	if len(brokers) == 0 {
		// In a process of its own, so that its work is not in our figures.
		broker, err := startChild("-role", roleBroker)
		if err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		defer func() { err = errors.Join(err, broker.Close()) }()
		brokers = list(broker.ready)
	}
	if b.topics, err = newTopics(brokers, b.set.partitions, b.set.delay); err != nil {
		return nil, err
	}
	defer b.topics.close()
	rep = newReport(b.set)
	if b.set.firstCalls > 0 {
		rep.FirstCalls, err = b.firstCalls(ctx)
	} else {
		rep.Runs, err = b.load(ctx)
		rep.Cells = summarize(rep.Runs)
		rep.Goals = verdicts(rep.Cells, b.set.delay)
	}
	return rep, err
}

// load runs every side at every number of calls in flight, round by round.
func (b *bench) load(ctx context.Context) ([]result, error) {
	var results []result
	for round := range b.set.rounds {
		for _, inFlight := range b.set.inFlight {
			for _, s := range inTurn(b.set.sides, round) {
				res, err := b.loadRun(ctx, s, inFlight)
				if err != nil {
					return results, fmt.Errorf("side %s, %d in flight: %w", s.Name(), inFlight, err)
				}
				res.Round = round + 1
				results = append(results, res)
				b.say("round %d/%d  %4d in flight  %-8s %8.0f calls/s", res.Round, b.set.rounds, inFlight, s.Name(), res.PerSecond)
			}
		}
	}
	return results, nil
}

// inTurn is the order of the sides in a round: each round another one begins,
// so that none has the better place.
func inTurn(all []side.Side, round int) []side.Side {
	first := round % len(all)
	return append(append([]side.Side(nil), all[first:]...), all[:first]...)
}

// loadRun is one run: fresh topics, a server, a client, warming up, measuring.
func (b *bench) loadRun(ctx context.Context, s side.Side, inFlight int) (res result, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.set.warmup+b.set.duration+slack)
	defer cancel()
	stage, err := b.setStage(ctx, s)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, stage.clear()) }()
	caller, err := s.Dial(ctx, stage.at)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, caller.Close()) }()
	return b.measure(ctx, caller, stage, s.Name(), inFlight)
}

func (b *bench) measure(ctx context.Context, caller side.Caller, st *stage, name string, inFlight int) (result, error) {
	if err := caller.Call(ctx); err != nil { // the server's group is settled after it
		return result{}, fmt.Errorf("first call: %w", err)
	}
	if _, err := drive(ctx, caller, newWorkers(inFlight), b.set.warmup); err != nil {
		return result{}, fmt.Errorf("warming up: %w", err)
	}
	workers := newWorkers(inFlight)
	before, err := st.usage()
	if err != nil {
		return result{}, err
	}
	took, err := drive(ctx, caller, workers, b.set.duration)
	if err != nil {
		return result{}, err
	}
	after, err := st.usage()
	if err != nil {
		return result{}, err
	}
	return newResult(name, inFlight, workers.merged(), took, after.Since(before)), nil
}

// stage is what a client meets: topics and a server.
type stage struct {
	at     side.Target
	server side.Server
	topics *topics
}

func (b *bench) setStage(ctx context.Context, s side.Side) (*stage, error) {
	b.patterns++
	pattern := fmt.Sprintf("rrbench-%s-%s-%d", b.session, s.Name(), b.patterns)
	at, err := b.topics.make(ctx, pattern)
	if err != nil {
		return nil, err
	}
	srv, err := b.serve(ctx, s, at)
	if err != nil {
		return nil, errors.Join(err, b.topics.remove(at))
	}
	return &stage{at: at, server: srv, topics: b.topics}, nil
}

func (b *bench) serve(ctx context.Context, s side.Side, at side.Target) (side.Server, error) {
	if !b.set.separate {
		return s.Serve(ctx, at)
	}
	return startChild("-role", roleServer, "-sides", s.Name(), "-pattern", at.Pattern,
		"-handler-delay", at.Delay.String(), "-brokers", strings.Join(at.Brokers, ","))
}

// usage is what client and server have used so far, the broker not included.
func (st *stage) usage() (measure.Usage, error) {
	own := measure.OwnUsage()
	c, ok := st.server.(*child)
	if !ok {
		return own, nil
	}
	theirs, err := c.Usage()
	return own.Plus(theirs), err
}

func (st *stage) clear() error {
	return errors.Join(st.server.Close(), st.topics.remove(st.at))
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, format+"\n", args...) // progress is a courtesy
}
