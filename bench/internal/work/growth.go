package work

import (
	"fmt"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// Curve is a row of works that differ in one number.
type Curve struct {
	Axis  string `json:"axis"`  // what that number counts
	Name  string `json:"name"`  // of the curve
	Title string `json:"title"` // of the curve
	N     int    `json:"n"`
}

// mostPending is how many calls of a client may wait; Siskin's default.
const mostPending = 10_000

// Growth are the works that show what more handlers, calls, clients and
// partitions cost.
func Growth() []Work {
	var works []Work
	for _, c := range []struct {
		curve Curve
		at    []int
		set   func(w *Work, n int)
	}{
		{
			Curve{Axis: "handlers", Name: "handlers", Title: "handlers of a service, one of them called"},
			[]int{1, 10, 100, 1000},
			func(w *Work, n int) { w.Handlers = n },
		},
		{
			Curve{Axis: "handlers", Name: "called", Title: "handlers of a service, all called in turn"},
			[]int{1, 10, 100, 1000},
			func(w *Work, n int) { w.Handlers, w.AllCalled = n, true },
		},
		{
			Curve{Axis: "handlers", Name: "together", Title: "handlers of a service, all called in turn, with one reply topic"},
			[]int{1, 10, 100, 1000},
			func(w *Work, n int) { w.Handlers, w.AllCalled, w.OwnReplies = n, true, true },
		},
		{
			Curve{Axis: "pending", Name: "pending", Title: "calls in flight, all answered"},
			[]int{1, 10, 100, 1000, mostPending},
			func(w *Work, n int) { w.InFlight = n },
		},
		{
			Curve{Axis: "pending", Name: "waiting", Title: "calls that wait beside 64 that are answered"},
			[]int{1, 10, 100, 1000, mostPending - busy},
			func(w *Work, n int) { w.Waiting = n },
		},
		{
			Curve{Axis: "clients", Name: "shared", Title: "clients on one reply topic of 3 partitions"},
			[]int{1, 10, 50, mostClients},
			func(w *Work, n int) { w.Clients, w.ReplyPartitions, w.InFlight = n, 3, mostClients },
		},
		{
			Curve{Axis: "clients", Name: "own", Title: "clients with a reply topic each"},
			[]int{1, 10, 50, mostClients},
			func(w *Work, n int) {
				w.Clients, w.ReplyPartitions, w.InFlight, w.OwnReplies = n, 1, mostClients, true
			},
		},
		{
			Curve{Axis: "partitions", Name: "partitions", Title: "partitions of the topic of requests"},
			[]int{1, 10, 100, 1000},
			func(w *Work, n int) { w.Partitions, w.ReplyPartitions = n, 1 },
		},
	} {
		for _, n := range c.at {
			c.curve.N = n
			w := Work{
				Name: fmt.Sprintf("%s-%d", c.curve.Name, n), Title: fmt.Sprintf("%s %s", thousands(uint64(n)), c.curve.Title),
				Kind: Load, Op: side.Sum, InFlight: busy, Partitions: 1, Curve: c.curve,
			}
			c.set(&w, n)
			works = append(works, w)
		}
	}
	return works
}

const (
	busy        = 64  // calls in flight, where their number is not what grows
	mostClients = 200 // and calls in flight, so that each of them has one
)

// Endurance is one work for a long time.
func Endurance() Work {
	return Work{
		Name: "endurance", Title: "[1,2,3] → 6, 512 in flight, for long", Kind: Load, Op: side.Sum,
		InFlight: 512, Partitions: 1, KeepBytes: 64 << 20,
	}
}
