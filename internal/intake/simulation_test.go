//go:build synctests

package intake_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The simulation runs members of one group against an embedded broker, in
// virtual time: records come, handlers take their time, members join, leave and
// are killed, and the broker and the network fail. What happens follows from a
// seed, but for the interleaving of goroutines and the Kafka client's own
// jitter. The ledger holds what must be true; see simulation_ledger_test.go.
//
//	go test -tags synctests -run '^TestSimulation$' ./internal/intake -seeds 3000
//	go test -tags synctests -run '^TestSimulation$' ./internal/intake -seed 17
var (
	oneSeed   = flag.Uint64("seed", 0, "play only this `seed` of the simulation, and tell what happened")
	firstSeed = flag.Uint64("first", 1, "the first `seed` of the simulation")
	until     = flag.String("until", "", "play no more seeds after one that breaks this `invariant`")
	seedCount = flag.Uint64("seeds", 300, "how many seeds of the simulation to play")
)

// telling are seeds beyond the usual ones that have found a fault.
var telling = []uint64{
	1491, // two members of one partition where the broker had thrown one out in a join: the ledger's fault
	2761, // a topic to be read anew while the poll loop waited for room was forgotten
}

// hang is how long, in real time, a seed may take: it takes milliseconds.
const hang = 30 * time.Second

func TestSimulation(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*oneSeed}
	if *oneSeed == 0 {
		seeds = slices.Clone(telling)
		for seed := range *seedCount {
			seeds = append(seeds, *firstSeed+seed)
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			if seenEnough.Load() {
				return
			}
			watchdog := time.AfterFunc(hang, func() { giveUp(seed) })
			defer watchdog.Stop()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
		})
	}
}

// seenEnough is set when the invariant of the flag until was broken.
var seenEnough atomic.Bool

// simulate plays one seed.
func simulate(t *testing.T, seed uint64) {
	s := write(seed)
	p := stage(t, s)
	p.perform()
	broken := p.ledger.broken()
	if len(broken) == 0 && *oneSeed == 0 {
		return
	}
	if *oneSeed != 0 {
		t.Logf("%v\n%s", s, p.ledger.story())
	}
	for _, b := range broken {
		t.Error(b)
		if *until != "" && strings.HasPrefix(b, *until+": ") {
			seenEnough.Store(true)
		}
	}
	if len(broken) != 0 {
		t.Logf("replay with: %s", replay(seed))
	}
}

func replay(seed uint64) string {
	return fmt.Sprintf("go test -tags synctests -run '^TestSimulation$' -count 1 ./internal/intake -seed %d", seed)
}

// giveUp ends the process when virtual time stands still: a goroutine waits for
// something that virtual time does not know, such as a mutex that is held while
// its holder sleeps.
func giveUp(seed uint64) {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	fmt.Fprintf(os.Stderr, "%s\n\nprogress: seed %d makes none in %v of real time\nreplay with: %s\n",
		stacks, seed, hang, replay(seed))
	os.Exit(2)
}
