package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// plan is everything that the seed decides. It is the same in every process of a
// run.
type plan struct {
	Seed     uint64
	Events   int
	Requests int
	Length   time.Duration // how long load and faults last
	Nodes    int           // of the cluster
	Protocol string        // of the consumer group
	Steps    []step        // of service processes, by time
	Restarts []restart     // of brokers, one after the other
	Faults   []linkFault   // of connections, by time
}

// step is something that happens to the service process in a slot.
type step struct {
	At   time.Duration
	Slot int
	Do   string // "start", "kill" or "leave"
}

// restart is a broker that ends and comes back. It begins when the one before it is
// over and its time has come.
type restart struct {
	At   time.Duration
	Node int
	Hard bool          // with kill -9
	Down time.Duration // how long it stays away
}

// linkFault is a fault of the connections of one process, or of all clients, to one
// node or all.
type linkFault struct {
	At, Length time.Duration
	Who        string // "service 0", …, or "client"
	Node       int    // 0 is all
	Kind       linkKind
	Delay      time.Duration // of each read and write, when that is the kind
	Cut        bool          // the connections are reset at the end of a hole
}

type linkKind string

const (
	resets   linkKind = "reset"
	delays   linkKind = "delay"
	holeIn   linkKind = "hole in"  // what the broker sends does not arrive
	holeOut  linkKind = "hole out" // what is sent to it does not
	holeBoth linkKind = "hole"
)

const (
	bases   = 3 // slots whose process is killed and replaced
	guests  = 2 // slots whose process joins and leaves
	clients = "client"
)

func service(slot int) string { return fmt.Sprintf("service %d", slot) }

// static is the slot whose process has an instance id.
const static = 0

func newPlan(seed uint64, size size, nodes int) plan {
	p := plan{Seed: seed, Events: size.events, Requests: size.requests, Length: size.length(), Nodes: nodes}
	draw := func(about string) dice { return dice{rand.New(rand.NewPCG(seed, hash(about)))} }
	p.Protocol = "classic"
	if draw("protocol").IntN(3) == 0 {
		p.Protocol = "consumer"
	}
	p.Steps = append(kills(draw("kills"), p.Length), visits(draw("visits"), p.Length)...)
	slices.SortStableFunc(p.Steps, func(a, b step) int { return cmp.Compare(a.At, b.At) })
	p.Restarts = restarts(draw("restarts"), p.Length, nodes)
	p.Faults = linkFaults(draw("links"), p.Length, nodes)
	return p
}

type dice struct{ *rand.Rand }

// between is a duration from low to high, in whole milliseconds.
func (d dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Int64N(int64((high-low)/time.Millisecond)+1))*time.Millisecond
}

// kills are those of the base slots. Each is replaced at once, as a supervisor
// does, or a little later.
func kills(d dice, length time.Duration) (steps []step) {
	for slot := range bases {
		steps = append(steps, step{0, slot, "start"})
	}
	var free [bases]time.Duration
	for at := d.between(3*time.Second, 6*time.Second); at < length; at += d.between(4*time.Second, 10*time.Second) {
		slot := d.IntN(bases)
		if at < free[slot] {
			continue
		}
		pause := time.Duration(0)
		if d.IntN(2) == 0 {
			pause = d.between(100*time.Millisecond, 2*time.Second)
		}
		steps = append(steps, step{at, slot, "kill"}, step{at + pause, slot, "start"})
		free[slot] = at + pause + 3*time.Second
	}
	return steps
}

// visits are those of the guests, which join and leave in order, and at times are
// killed too.
func visits(d dice, length time.Duration) (steps []step) {
	for guest := range guests {
		slot := bases + guest
		at := d.between(2*time.Second, 5*time.Second)
		for at < length {
			steps = append(steps, step{at, slot, "start"})
			at += d.between(2*time.Second, 9*time.Second)
			end := "leave"
			if d.IntN(5) == 0 {
				end = "kill"
			}
			steps = append(steps, step{min(at, length), slot, end})
			at += d.between(time.Second, 6*time.Second)
		}
	}
	return steps
}

// restarts go over all nodes in turn, as often as the time allows and once at
// least.
func restarts(d dice, length time.Duration, nodes int) (all []restart) {
	const every = 15 * time.Second
	rounds := max(1, int(length/(every*time.Duration(nodes))))
	gap := length / time.Duration(rounds*nodes+1)
	for i := range rounds * nodes {
		all = append(all, restart{
			At: gap*time.Duration(i) + d.between(gap/2, gap), Node: i%nodes + 1, Hard: d.IntN(2) == 0,
			Down: d.between(0, 3*time.Second),
		})
	}
	return all
}

func linkFaults(d dice, length time.Duration, nodes int) (all []linkFault) {
	kinds := []linkKind{resets, delays, holeIn, holeOut, holeBoth}
	for at := d.between(time.Second, 3*time.Second); at < length; at += d.between(time.Second, 4*time.Second) {
		f := linkFault{At: at, Who: clients, Kind: kinds[d.IntN(len(kinds))]}
		if slot := d.IntN(bases + guests + 1); slot < bases+guests {
			f.Who = service(slot)
		}
		f.Node = d.IntN(nodes + 1)
		switch f.Kind {
		case resets:
		case delays:
			f.Length, f.Delay = d.between(time.Second, 5*time.Second), d.between(20*time.Millisecond, 400*time.Millisecond)
		default:
			f.Length, f.Cut = d.between(300*time.Millisecond, 3*time.Second), d.IntN(2) == 0
			if d.IntN(6) == 0 {
				f.Length = d.between(7*time.Second, 12*time.Second) // longer than a session
			}
		}
		f.Length = min(f.Length, length-at)
		all = append(all, f)
	}
	return all
}

// print writes the plan for people, in the order of time.
func (p plan) print(w io.Writer) {
	type entry struct {
		at   time.Duration
		text string
	}
	var all []entry
	for _, s := range p.Steps {
		all = append(all, entry{s.At, fmt.Sprintf("%s: %s", service(s.Slot), s.Do)})
	}
	for _, r := range p.Restarts {
		all = append(all, entry{r.At, r.String()})
	}
	for _, f := range p.Faults {
		all = append(all, entry{f.At, f.String()})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	fmt.Fprintf(w, "plan of seed %d: %d events, %d requests in %v, %d broker node(s), protocol %s\n",
		p.Seed, p.Events, p.Requests, p.Length, p.Nodes, p.Protocol)
	for _, e := range all {
		fmt.Fprintf(w, "%8.3f s  %s\n", e.at.Seconds(), e.text)
	}
}

func (r restart) String() string {
	how := "restarted in order"
	if r.Hard {
		how = "killed and started"
	}
	return fmt.Sprintf("broker %d: %s, %v away", r.Node, how, r.Down)
}

func (f linkFault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Who, f.Kind)
	if f.Node > 0 {
		fmt.Fprintf(&b, ", broker %d", f.Node)
	}
	if f.Length > 0 {
		fmt.Fprintf(&b, ", for %v", f.Length)
	}
	if f.Delay > 0 {
		fmt.Fprintf(&b, ", %v each", f.Delay)
	}
	if f.Cut {
		b.WriteString(", then reset")
	}
	return b.String()
}

// size is how much a run does.
type size struct {
	events, requests int
	rate             int // events a second
}

func (s size) length() time.Duration {
	return max(20*time.Second, time.Duration(s.events)*time.Second/time.Duration(s.rate)).Round(time.Second)
}
