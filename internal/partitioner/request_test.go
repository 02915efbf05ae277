package partitioner_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

func TestRequestsSpreadEvenly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10, 40} {
		a := newAsker(n)
		count := make([]int, n)
		for range 1_000 * n {
			r := request()
			count[a.ask(r)]++
			if !a.RequiresConsistency(r) {
				t.Fatal("pending calls are counted by the number among all partitions")
			}
		}
		if most, least := slices.Max(count), slices.Min(count); most-least > 10 {
			t.Errorf("%d partitions have between %d and %d pending calls", n, least, most)
		}
	}
}

// A caller that waits for each reply opens a batch with each request, for which
// the Kafka client asks twice.
func TestOneRequestAfterTheOtherReachesAllPartitions(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 6} {
		a := newAsker(n)
		count := make([]int, n)
		for range 100 * n {
			r := request()
			_, p := a.askForNewBatch(r)
			count[p]++
			ticketOf(r).Release()
		}
		if slices.Min(count) < 100 {
			t.Errorf("%d partitions got %v requests", n, count)
		}
	}
}

// A server that hangs keeps what it has and gets no more, while the others
// answer.
func TestRequestsAvoidAPartitionThatHangs(t *testing.T) {
	t.Parallel()
	const n, hangs = 8, 3
	a := newAsker(n)
	for range 20 {
		a.ask(&kgo.Record{Partition: hangs, Context: &partitioner.Ticket{Obey: true}})
	}
	count := make([]int, n)
	var running []*kgo.Record // each runs until ten others have come
	for range 8_000 {
		r := request()
		count[a.ask(r)]++
		if running = append(running, r); len(running) > 10 {
			ticketOf(running[0]).Release()
			running = running[1:]
		}
	}
	if count[hangs] != 0 {
		t.Errorf("%d of 8,000 requests went to the partition that hangs", count[hangs])
	}
	count = slices.Delete(count, hangs, hangs+1)
	if least := slices.Min(count); least < 700 {
		t.Errorf("the other partitions got %v requests, want about the same each", count)
	}
}

// The one that hangs gets its share again when it works again.
func TestRequestsComeBackWhenCallsEnd(t *testing.T) {
	t.Parallel()
	a := newAsker(2)
	held := make([]*kgo.Record, 100)
	for i := range held {
		held[i] = &kgo.Record{Partition: 0, Context: &partitioner.Ticket{Obey: true}}
		a.askForNewBatch(held[i])
	}
	for _, r := range held {
		ticketOf(r).Release()
		ticketOf(r).Release() // counts once
	}
	count := make([]int, 2)
	for range 1_000 {
		count[a.ask(request())]++
	}
	if count[0] != 500 {
		t.Errorf("requests on the two partitions: %v, want the same", count)
	}
}

// With two partitions the choice is certain: the less busy one. So the model
// shows each call that is counted twice, or for ever.
func TestPendingCallsAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "partitions")
		a := newAsker(n)
		type open struct {
			ticket    *partitioner.Ticket
			partition int
		}
		var calls []open
		count := make([]int, n)
		streak, size := -1, 0 // how many in a row a partition got that had none before
		// chosen checks one choice against the counts before it.
		chosen := func(p int) {
			if p == streak && count[p] == size && size < 16 {
				size++
				return
			}
			streak, size = -1, 0
			if count[p] == 0 {
				streak, size = p, 1
			}
			sorted := slices.Sorted(slices.Values(count))
			if n == 2 && count[p] > sorted[0] || count[p] > sorted[n-2] {
				t.Fatalf("a request went to partition %d of %v", p, count)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"request": func(*rapid.T) {
				r := request()
				p := a.ask(r)
				chosen(p)
				count[p]++
				calls = append(calls, open{ticketOf(r), p})
			},
			"request that opens a batch": func(*rapid.T) {
				r := request()
				first, second := a.askForNewBatch(r)
				chosen(first)
				if second != first {
					t.Fatalf("the same request goes to partition %d, and then to %d", first, second)
				}
				count[first]++
				calls = append(calls, open{ticketOf(r), first})
			},
			"request with a partition": func(t *rapid.T) {
				p := rapid.IntRange(0, n-1).Draw(t, "partition")
				r := &kgo.Record{Partition: int32(p), Context: &partitioner.Ticket{Obey: true}}
				a.ask(r)
				count[p]++
				calls = append(calls, open{ticketOf(r), p})
			},
			"request that ended before it was sent": func(*rapid.T) {
				r := request()
				ticketOf(r).Release()
				chosen(a.ask(r))
			},
			"request to nowhere": func(*rapid.T) {
				a.ask(&kgo.Record{Partition: int32(n), Context: &partitioner.Ticket{Obey: true}})
			},
			"end": func(t *rapid.T) {
				if len(calls) == 0 {
					t.Skip("no call is pending")
				}
				i := rapid.IntRange(0, len(calls)-1).Draw(t, "call")
				calls[i].ticket.Release()
				count[calls[i].partition]--
				calls = slices.Delete(calls, i, i+1)
			},
		})
	})
}

// The Kafka client asks from one goroutine at a time; calls end on any.
func TestTicketsAreReleasedConcurrently(t *testing.T) {
	t.Parallel()
	a := newAsker(2)
	var wg sync.WaitGroup
	ended := make(chan *partitioner.Ticket)
	for range 4 {
		wg.Go(func() {
			for ticket := range ended {
				ticket.Release()
			}
		})
	}
	for range 5_000 {
		r := request()
		if rand.IntN(2) == 0 { // races with the choice
			ended <- ticketOf(r)
			a.askForNewBatch(r)
		} else {
			a.ask(r)
			ended <- ticketOf(r)
		}
	}
	close(ended)
	wg.Wait()
	// Nothing is pending, so the two get the same.
	count := make([]int, 2)
	for range 200 {
		count[a.ask(request())]++
	}
	if count[0] != 100 {
		t.Errorf("requests on the two partitions: %v, want the same: calls are counted that have ended", count)
	}
}
