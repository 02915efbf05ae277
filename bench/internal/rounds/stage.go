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
	if _, err := s.call(ctx, 1, 0, 1, 0); err != nil { // the server's group is settled after it
		return Run{}, fmt.Errorf("first call: %w", err)
	}
	if s.session.Warmup > 0 {
		if _, err := s.call(ctx, s.work.InFlight, s.session.Warmup, 0, rate); err != nil {
			return Run{}, fmt.Errorf("warming up: %w", err)
		}
	}
	before, err := s.reading(ctx)
	if err != nil {
		return Run{}, err
	}
	run := Run{Rate: rate}
	if run.Figures, err = s.call(ctx, s.work.InFlight, s.session.Duration, 0, rate); err != nil {
		return Run{}, err
	}
	return run, s.account(ctx, &run, before)
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

func (s *stage) startBoth(ctx context.Context) (err error) {
	if s.server, err = s.side.start(ctx, "server", s.at); err != nil {
		return err
	}
	s.client, err = s.side.start(ctx, "client", s.at)
	return err
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
		var own measure.Allocs
		if err := p.process.Ask(ctx, &own, "usage"); err != nil {
			return r, err
		}
		r.allocs.Objects += own.Objects
		r.allocs.Bytes += own.Bytes
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
