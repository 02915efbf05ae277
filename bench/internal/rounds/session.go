// Package rounds runs every side at every work, in turn, round after round.
package rounds

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// slack is the time that a run may take besides warming up and measuring: JVMs,
// a group's first rebalance, a dead member's session, a busy machine.
const slack = 2 * time.Minute

// Broker is where the sides meet.
type Broker struct {
	Name  string
	Addrs []string
	Used  func() half.Used // by the broker; nil if it is not known
}

func (b Broker) used() half.Used {
	if b.Used == nil {
		return half.Used{}
	}
	return b.Used()
}

// Session is what to run. It is for one use at a time.
type Session struct {
	Sides    []Side
	Works    []work.Work
	Rounds   int
	Duration time.Duration // of measuring
	Warmup   time.Duration // before it
	Progress io.Writer
	// PeersOn is the name of the only broker on which peers run. Empty is every one.
	PeersOn string
	// PeersAt are the only works at which peers run.
	PeersAt []work.Work

	names int
	id    string
}

// On runs everything on one broker. A side that fails has a run that says why,
// and the others go on; the error is that of the broker or of ctx.
func (s *Session) On(ctx context.Context, b Broker) ([]Run, error) {
	topics, err := newTopics(b.Addrs)
	if err != nil {
		return nil, err
	}
	defer topics.close()
	var runs []Run
	for round := range s.Rounds {
		for _, w := range s.Works {
			rate := 0.0
			if w.Kind == work.Open {
				if rate, err = s.halfCapacity(ctx, b, topics, runs); err != nil {
					return runs, err
				}
			}
			for _, one := range inTurn(s.at(b, w), round) {
				run := Run{Missing: failedBefore(runs, w, one)}
				if run.Missing == "" {
					run = s.one(ctx, b, topics, one, w, rate)
				}
				if ctx.Err() != nil {
					return runs, context.Cause(ctx)
				}
				run.Broker, run.Work, run.Side, run.Round = b.Name, w.Name, one.Name, round+1
				runs = append(runs, run)
				s.tell(w, run)
			}
		}
	}
	return runs, nil
}

// at are the sides that run a work on a broker.
func (s *Session) at(b Broker, w work.Work) []Side {
	named := func(other work.Work) bool { return other.Name == w.Name }
	if !w.Op.InGo() && (s.PeersOn == "" || s.PeersOn == b.Name) && slices.ContainsFunc(s.PeersAt, named) {
		return s.Sides
	}
	return slices.DeleteFunc(slices.Clone(s.Sides), func(one Side) bool { return one.Peer })
}

// measures is how long a work measures.
func (s *Session) measures(w work.Work) time.Duration {
	return s.Duration * time.Duration(max(1, w.Longer))
}

// failedBefore is why a side failed at a work in an earlier round, as it would
// again, after minutes; empty if it did not.
func failedBefore(runs []Run, w work.Work, one Side) string {
	for _, r := range runs {
		if r.Work == w.Name && r.Side == one.Name && r.Missing != "" {
			return r.Missing
		}
	}
	return ""
}

// inTurn is the order of the sides in a round: each round another one begins,
// so that none has the better place.
func inTurn(all []Side, round int) []Side {
	first := round % len(all)
	return append(append([]Side(nil), all[first:]...), all[:first]...)
}

// one is one run. What goes wrong in it is part of its result.
func (s *Session) one(ctx context.Context, b Broker, t *topics, one Side, w work.Work, rate float64) Run {
	if why := missing(one, w); why != "" {
		return Run{Missing: why}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Warmup+s.measures(w)+slack)
	defer cancel()
	st := s.stage(b, t, one, w)
	run, err := st.perform(ctx, rate)
	if err != nil {
		return Run{Missing: "failed: " + oneLine(err)}
	}
	return run
}

// stage is a run with a name of its own.
func (s *Session) stage(b Broker, t *topics, one Side, w work.Work) *stage {
	if s.id == "" {
		s.id = strings.ToLower(rand.Text()[:6])
	}
	s.names++
	return &stage{session: s, broker: b, side: one, work: w, topics: t, at: side.Target{
		Brokers: b.Addrs, Pattern: fmt.Sprintf("bench-%s-%s-%d", s.id, one.Name, s.names),
		Op: w.Op, Size: w.Size, Delay: w.Delay, Partitions: w.Partitions, KeepBytes: w.KeepBytes, Scale: w.Scale,
	}}
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// busiest is the work that shows the most that a side can answer on one partition.
const busiest = "call-512-p1"

// halfCapacity is half of what the baseline answered, at most, in earlier runs of
// this session; without any it is measured.
func (s *Session) halfCapacity(ctx context.Context, b Broker, t *topics, runs []Run) (float64, error) {
	var most float64
	for _, r := range runs {
		if r.Side == Baseline && r.Work == busiest {
			most = max(most, r.PerSecond())
		}
	}
	if most > 0 {
		return most / 2, nil
	}
	program := s.find(Baseline)
	if program == nil {
		return 0, errors.New("half of raw's capacity is not known without the side raw")
	}
	run := s.one(ctx, b, t, *program, work.Work{Kind: work.Load, Op: side.Sum, InFlight: 512, Partitions: 1}, 0)
	if run.Missing != "" {
		return 0, errors.New("capacity of raw: " + run.Missing)
	}
	return run.PerSecond() / 2, nil
}

func (s *Session) find(name string) *Side {
	for i := range s.Sides {
		if s.Sides[i].Name == name {
			return &s.Sides[i]
		}
	}
	return nil
}

// tell prints how far it is; an error of that does not matter.
func (s *Session) tell(w work.Work, r Run) {
	figure := fmt.Sprintf("%10.0f/s  p50 %.2f ms", r.PerSecond(), r.P50.Seconds()*1000)
	switch {
	case r.Missing != "":
		figure = r.Missing
	case w.Kind == work.Cold || w.Kind == work.Restart:
		figure = fmt.Sprintf("%10.0f ms", r.P50.Seconds()*1000)
	}
	_, _ = fmt.Fprintf(s.Progress, "%s  round %d/%d  %-12s %-10s %s\n", r.Broker, r.Round, s.Rounds, w.Name, r.Side, figure)
}
