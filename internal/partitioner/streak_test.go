package partitioner_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/twmb/franz-go/pkg/kgo"
)

// service answers calls in the bubble's time: those of one partition one after the
// other, those of different ones at once.
type service struct {
	asker
	away time.Duration // what a call takes beside its handler
	took time.Duration // by the handler
}

// round sends calls at once, waits for all answers, and returns how many partitions
// they went to, and how many went to the same at most.
func (s service) round(calls int) (partitions, together int) {
	byPartition := make(map[int][]*partitioner.Ticket)
	for range calls {
		r := request()
		p := s.ask(r)
		byPartition[p] = append(byPartition[p], ticketOf(r))
	}
	for _, tickets := range byPartition {
		together = max(together, len(tickets))
		go func() {
			time.Sleep(s.away)
			for _, ticket := range tickets {
				time.Sleep(s.took)
				ticket.Release()
			}
		}()
	}
	time.Sleep(s.away + time.Duration(calls+1)*s.took)
	synctest.Wait()
	return len(byPartition), together
}

// rounds plays many, and returns the averages of the last ones.
func (s service) rounds(calls int) (partitions, together int) {
	const all, last = 400, 100
	for i := range all {
		if p, most := s.round(calls); i >= all-last {
			partitions, together = partitions+p, together+most
		}
	}
	return partitions / last, together / last
}

// The longest streak has 16 requests.
func TestCallsAtOnceStayTogetherWhereNobodyWaits(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 12, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := service{asker: newAsker(n), away: 3 * time.Millisecond, took: 20 * time.Microsecond}
			if partitions, together := s.rounds(32); partitions != 2 || together != 16 {
				t.Errorf("32 calls at once went to %d of %d partitions, %d to one; want 2 and 16", partitions, n, together)
			}
		})
	}
}

// What the service takes for a call shows when several wait for each other, or in how
// long a call takes.
func TestCallsAtOnceSpreadWhereTheServiceIsSlow(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{2 * time.Millisecond, 10 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := service{asker: newAsker(12), away: 3 * time.Millisecond, took: 20 * time.Microsecond}
			if partitions, _ := s.rounds(12); partitions > 2 {
				t.Fatalf("12 calls at once went to %d partitions", partitions)
			}
			s.took = took
			if partitions, together := s.rounds(12); partitions != 11 && partitions != 12 || together > 2 {
				t.Errorf("12 calls that take %v went to %d of 12 partitions, %d to one", took, partitions, together)
			}
		})
	}
}

// Calls that take long anyway lose nothing by a batch each, and what they wait for is
// not known.
func TestLongCallsSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service{asker: newAsker(12), away: 50 * time.Millisecond}
		if partitions, together := s.rounds(12); partitions < 11 || together > 2 {
			t.Errorf("12 calls went to %d of 12 partitions, %d to one", partitions, together)
		}
	})
}

// Without a group there is no batch to share.
func TestCallsOneAfterTheOtherSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service{asker: newAsker(4), away: 3 * time.Millisecond, took: 20 * time.Microsecond}
		s.rounds(32)
		chosen := make(map[int]bool)
		for range 4 {
			chosen[s.ask(request())] = true
			time.Sleep(time.Millisecond)
		}
		if len(chosen) != 4 {
			t.Errorf("4 calls, each a millisecond after the last, went to %d of 4 partitions", len(chosen))
		}
	})
}

// A partition whose service hangs has one streak at most.
func TestAPartitionThatHangsGetsNoSecondStreak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, hangs = 4, 2
		s := service{asker: newAsker(n), away: 3 * time.Millisecond, took: 20 * time.Microsecond}
		s.rounds(32)
		held := 0
		for range 100 {
			var open []*kgo.Record
			for range 20 {
				r := request()
				if s.ask(r) == hangs {
					held++
				} else {
					open = append(open, r)
				}
			}
			time.Sleep(3 * time.Millisecond)
			for _, r := range open {
				ticketOf(r).Release()
			}
		}
		if held > 16 {
			t.Errorf("%d of 2,000 calls went to the partition that hangs", held)
		}
	})
}
