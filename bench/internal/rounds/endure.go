package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/measure"
)

// Sample is what the processes of a long run hold after so many requests, at a
// moment without any in flight.
type Sample struct {
	Requests  uint64        `json:"requests"`
	PerSecond float64       `json:"per_second"` // since the sample before
	P99       time.Duration `json:"p99_ns"`

	Server Holding `json:"server"`
	Client Holding `json:"client"`
	Kafka  int64   `json:"kafka_resident,omitempty"` // bytes of the broker in memory
}

// Holding is what a process holds.
type Holding struct {
	measure.Memory
	Resident int64 `json:"resident"` // bytes in memory; 0 if that is not known
}

// Endure lets the session's only side do its only work for count requests, and
// takes so many samples on the way. Those it has taken are returned with an error
// too.
func (s *Session) Endure(ctx context.Context, b Broker, count uint64, samples int) (all []Sample, err error) {
	topics, err := newTopics(b.Addrs)
	if err != nil {
		return nil, err
	}
	defer topics.close()
	st := s.stage(b, topics, s.Sides[0], s.Works[0])
	defer func() { err = errors.Join(err, st.clear()) }()
	starting, cancel := context.WithTimeout(ctx, slack)
	defer cancel()
	if err := topics.create(starting, st.at); err != nil {
		return nil, err
	}
	if err := st.startBoth(starting); err != nil {
		return nil, err
	}
	for done := uint64(0); done < count; {
		more := (count-done-1)/uint64(samples-len(all)) + 1
		one, err := st.sample(ctx, more)
		if err != nil {
			return all, fmt.Errorf("after %d requests: %w", done, err)
		}
		done += more
		one.Requests = done
		all = append(all, one)
		s.tellSample(one, count)
	}
	return all, nil
}

// sample makes calls and looks at the processes then.
func (s *stage) sample(ctx context.Context, calls uint64) (one Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, slack+time.Duration(calls)*time.Millisecond)
	defer cancel()
	f, err := s.call(ctx, s.work.InFlight, 0, int(calls), 0)
	if err != nil {
		return one, err
	}
	one.PerSecond, one.P99 = Run{Figures: f}.PerSecond(), f.P99
	for _, p := range []struct {
		process *half.Process
		into    *Holding
	}{{s.server, &one.Server}, {s.client, &one.Client}} {
		if err := p.process.Ask(ctx, &p.into.Memory, "memory"); err != nil {
			return one, err
		}
		p.into.Resident = p.process.Used().Resident
	}
	one.Kafka = s.broker.used().Resident
	return one, nil
}

// tellSample prints how far it is; an error of that does not matter.
func (s *Session) tellSample(one Sample, count uint64) {
	const mib = 1 << 20
	_, _ = fmt.Fprintf(s.Progress, "%3d %%  %9d requests  %7.0f/s  heap of server and client %.2f, %.2f MiB  in memory %d, %d, broker %d MiB\n",
		100*one.Requests/count, one.Requests, one.PerSecond, float64(one.Server.Heap)/mib, float64(one.Client.Heap)/mib,
		one.Server.Resident/mib, one.Client.Resident/mib, one.Kafka/mib)
}
