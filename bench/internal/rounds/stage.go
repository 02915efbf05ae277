package rounds

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/program"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// stage is one run: fresh topics and the two halves of a side.
type stage struct {
	session *Session
	broker  Broker
	side    Side
	work    work.Work
	at      side.Target
	topics  *topics

	server, client *half.Process
	ready          time.Duration // that the server took to have its partitions
}

// perform does the work and returns its figures.
func (s *stage) perform(ctx context.Context, rate float64) (run Run, err error) {
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.topics.create(ctx, s.at); err != nil {
		return run, err
	}
	switch s.work.Kind {
	case work.Handle:
		return s.handle(ctx)
	case work.Cold:
		return s.cold(ctx)
	case work.Restart:
		return s.restart(ctx)
	default:
		return s.load(ctx, rate)
	}
}

// load warms up and measures calls.
func (s *stage) load(ctx context.Context, rate float64) (Run, error) {
	if err := s.startBoth(ctx); err != nil {
		return Run{}, err
	}
	first := s.firstCalls()
	opened, err := s.call(ctx, min(first, s.work.InFlight), 0, first, 0)
	if err != nil { // the server's group is settled after it
		return Run{}, fmt.Errorf("first call: %w", err)
	}
	if s.session.Warmup > 0 {
		if _, err := s.call(ctx, s.work.InFlight, s.session.Warmup, 0, rate); err != nil {
			return Run{}, fmt.Errorf("warming up: %w", err)
		}
	}
	run := Run{Rate: rate, Ready: s.ready, First: opened.Took}
	before, err := s.reading(ctx)
	if err != nil {
		return Run{}, err
	}
	if run.Figures, err = s.call(ctx, s.work.InFlight, s.session.measures(s.work), 0, rate); err != nil {
		return Run{}, err
	}
	if err := s.account(ctx, &run, before); err != nil {
		return Run{}, err
	}
	return run, s.hold(ctx, &run)
}

// hold notes what the halves hold at a point of a curve.
func (s *stage) hold(ctx context.Context, run *Run) error {
	if s.work.Curve.Axis == "" {
		return nil
	}
	return errors.Join(s.server.Ask(ctx, &run.ServerHolds, "memory"), s.client.Ask(ctx, &run.ClientHolds, "memory"))
}

// handle stores events, then measures a server that has never seen them.
func (s *stage) handle(ctx context.Context) (run Run, err error) {
	if err := s.topics.fill(ctx, s.at, s.work.Count); err != nil {
		return run, err
	}
	before := reading{kafka: s.broker.used()}
	if s.server, err = s.side.start(ctx, "server", s.at); err != nil {
		return run, err
	}
	if err := s.server.Ask(ctx, &run.Figures, "handled", strconv.FormatUint(s.work.Count, 10)); err != nil {
		return run, err
	}
	if err := s.account(ctx, &run, before); err != nil {
		return run, err
	}
	err = s.server.Close()
	s.server = nil
	if err != nil {
		return run, err
	}
	done, err := s.topics.committed(ctx, s.at)
	if err == nil && done != s.work.Count {
		err = fmt.Errorf("%d of %d events are committed at the end", done, s.work.Count)
	}
	return run, err
}

// cold measures from starting both halves at once.
func (s *stage) cold(ctx context.Context) (run Run, err error) {
	begin := time.Now()
	serving := make(chan error, 1)
	go func() {
		var err error
		s.server, err = s.side.start(ctx, "server", s.at)
		serving <- err
	}()
	s.client, err = s.side.start(ctx, "client", s.at)
	if err == nil {
		_, err = s.call(ctx, 1, 0, 1, 0)
	}
	run.Figures = once(time.Since(begin))
	if err = errors.Join(err, <-serving); err != nil {
		return run, err
	}
	return run, s.account(ctx, &run, reading{kafka: s.broker.used()})
}

// restart kills the server and starts another one at once.
func (s *stage) restart(ctx context.Context) (run Run, err error) {
	if err := s.startBoth(ctx); err != nil {
		return run, err
	}
	if _, err := s.call(ctx, 1, 0, 1, 0); err != nil {
		return run, err
	}
	begin := time.Now()
	s.server.Kill()
	if s.server, err = s.side.start(ctx, "server", s.at); err != nil {
		return run, err
	}
	for {
		_, err = s.call(ctx, 1, 0, 1, 0)
		if err == nil || ctx.Err() != nil {
			break // a call that nobody answered in time is made again
		}
	}
	run.Figures = once(time.Since(begin))
	if err != nil {
		return run, err
	}
	return run, s.account(ctx, &run, reading{kafka: s.broker.used()})
}

func once(took time.Duration) program.Figures {
	return program.Figures{Count: 1, Took: took, P50: took, P99: took, P999: took, Max: took}
}

// firstCalls are as many as it takes until every pattern was called, and every
// client has called.
func (s *stage) firstCalls() int { return max(len(s.at.Called()), s.at.Clients) }

// startBoth starts the server, then the client. At a point of a curve the server
// has its partitions before the client starts.
func (s *stage) startBoth(ctx context.Context) (err error) {
	if s.server, err = s.side.start(ctx, "server", s.at); err != nil {
		return err
	}
	if s.work.Curve.Axis != "" {
		var started program.Figures
		if err := s.server.Ask(ctx, &started, "started"); err != nil {
			return fmt.Errorf("until the server has its partitions: %w", err)
		}
		s.ready = started.Took
	}
	if s.client, err = s.side.start(ctx, "client", s.at); err != nil {
		return err
	}
	return s.topics.wait(ctx, s.at)
}

// call asks the client for load. Zeros are left out.
func (s *stage) call(ctx context.Context, inFlight int, d time.Duration, count int, rate float64) (f program.Figures, err error) {
	err = s.client.Ask(ctx, &f, "load", fmt.Sprintf("in_flight=%d", inFlight), fmt.Sprintf("duration_ms=%d", d.Milliseconds()),
		fmt.Sprintf("count=%d", count), fmt.Sprintf("rate=%g", rate))
	return f, err
}

// reading is what all processes of a stage have used so far.
type reading struct {
	server, client, kafka half.Used
	allocs                measure.Allocs
	read                  uint64 // bytes from brokers to clients
}

func (s *stage) reading(ctx context.Context) (r reading, err error) {
	r.kafka = s.broker.used()
	for _, p := range []struct {
		process *half.Process
		used    *half.Used
	}{{s.server, &r.server}, {s.client, &r.client}} {
		if p.process == nil {
			continue
		}
		var own program.Usage
		if err := p.process.Ask(ctx, &own, "usage"); err != nil {
			return r, err
		}
		r.allocs.Objects += own.Objects
		r.allocs.Bytes += own.Bytes
		r.read += own.Read
		*p.used = p.process.Used()
	}
	return r, nil
}

// account notes what was used after an earlier reading.
func (s *stage) account(ctx context.Context, run *Run, before reading) error {
	after, err := s.reading(ctx)
	if err != nil {
		return err
	}
	run.Server, run.Client, run.Kafka = after.server.Since(before.server), after.client.Since(before.client), after.kafka.Since(before.kafka)
	run.Read = after.read - before.read
	if after.allocs.Objects > 0 { // programs that do not count say nothing
		used := after.allocs.Since(before.allocs)
		run.Allocs = &used
	}
	return nil
}

// clear ends both halves and removes the topics.
func (s *stage) clear() error {
	var errs []error
	for _, p := range []*half.Process{s.client, s.server} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(append(errs, s.topics.remove(s.at))...)
}
