// Package work is what is measured: each Work is a row of the report.
package work

import (
	"fmt"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/side"
)

// Kind is how a work is measured.
type Kind string

const (
	Load    Kind = "load"    // calls in flight, each answer begins the next call
	Open    Kind = "open"    // calls by a schedule, at half of what the baseline can answer
	Handle  Kind = "handle"  // stored events, until all are handled
	Cold    Kind = "cold"    // from starting server and client to the first reply
	Restart Kind = "restart" // from killing the server to the first reply of the next one
)

// Work is one thing to measure.
type Work struct {
	Name       string        `json:"name"`
	Title      string        `json:"title"`
	Kind       Kind          `json:"kind"`
	Op         side.Op       `json:"op"`
	InFlight   int           `json:"in_flight,omitempty"`
	Partitions int           `json:"partitions"`
	Size       int           `json:"size,omitempty"` // bytes of a text
	Delay      time.Duration `json:"delay_ns,omitempty"`
	Count      uint64        `json:"count,omitempty"`  // events
	Longer     int           `json:"longer,omitempty"` // how many times as long as others it measures; 0 is once

	// KeepBytes is how much of each partition the broker keeps; 0 is all.
	KeepBytes int `json:"keep_bytes,omitempty"`

	side.Scale
	Curve Curve `json:"curve,omitzero"` // that this is a point of
}

// Timed reports whether the figure that counts is a time, and not how many there
// are in a second.
func (w Work) Timed() bool { return w.Kind == Cold || w.Kind == Restart || w.Kind == Open }

const kib = 1 << 10

// All are the works in the order of the report. events is how many of them are
// handled.
func All(events uint64) []Work {
	works := []Work{
		sum(1, 1), sum(64, 1), sum(512, 1), sum(1, 12), sum(64, 12), sum(512, 12),
		{
			Name: "delay", Title: "a handler of 50 ms, 64 in flight", Kind: Load, Op: side.Sum,
			InFlight: 64, Partitions: 1, Delay: 50 * time.Millisecond,
		},
		{Name: "open", Title: "[1,2,3] → 6 at half of raw's capacity", Kind: Open, Op: side.Sum, InFlight: 512, Partitions: 1},
		{
			Name: "events", Title: fmt.Sprintf("%s events of 200 bytes handled", thousands(events)), Kind: Handle, Op: side.Events,
			Partitions: 1, Size: 200, Count: events,
		},
		{
			Name: "orders", Title: fmt.Sprintf("%s events of 200 bytes decoded into a struct and handled", thousands(events)),
			Kind: Handle, Op: side.Orders, Partitions: 1, Size: 200, Count: events,
		},
		{
			Name: "records", Title: fmt.Sprintf("%s events of 200 bytes handled, their values left as they are", thousands(events)),
			Kind: Handle, Op: side.Records, Partitions: 1, Size: 200, Count: events,
		},
		{
			Name: "beside", Title: fmt.Sprintf("%s events of 200 bytes handled, beside a topic that has none", thousands(events)),
			Kind: Handle, Op: side.Beside, Partitions: 1, Size: 200, Count: events, Scale: side.Scale{Handlers: 2},
		},
		{
			Name: "batches", Title: fmt.Sprintf("%s events of 200 bytes handled in batches of 100", thousands(events)),
			Kind: Handle, Op: side.Batches, Partitions: 1, Size: 200, Count: events,
		},
		{Name: "emit", Title: "events of 200 bytes sent, 512 in flight", Kind: Load, Op: side.Events, InFlight: 512, Partitions: 1, Size: 200},
		{Name: "stream", Title: "streams of 100 values, 8 in flight", Kind: Load, Op: side.Stream, InFlight: 8, Partitions: 1},
		echo(1, 64), echo(64, 16), echo(900, 4), relay(64, 16), relay(900, 4),
		{Name: "cold", Title: "cold start to the first reply", Kind: Cold, Op: side.Sum, Partitions: 1},
		{Name: "restart", Title: "kill -9 of the server to the first reply", Kind: Restart, Op: side.Sum, Partitions: 1},
	}
	return works
}

func sum(inFlight, partitions int) Work {
	w := Work{
		Name: fmt.Sprintf("call-%d-p%d", inFlight, partitions), Title: fmt.Sprintf("[1,2,3] → 6, %d in flight, %s", inFlight, plural(partitions)),
		Kind: Load, Op: side.Sum, InFlight: inFlight, Partitions: partitions,
	}
	if inFlight == 1 { // few calls come together, and their slowest hundredth is what counts
		w.Longer = 4
		w.Title += fmt.Sprintf(", measured %d times as long", w.Longer)
	}
	return w
}

func echo(size, inFlight int) Work {
	return Work{
		Name: fmt.Sprintf("echo-%dk", size), Title: fmt.Sprintf("%d KiB there and back, %d in flight", size, inFlight),
		Kind: Load, Op: side.Echo, InFlight: inFlight, Partitions: 1, Size: size * kib,
	}
}

// relay is echo without a text.
func relay(size, inFlight int) Work {
	w := echo(size, inFlight)
	w.Name, w.Op = fmt.Sprintf("relay-%dk", size), side.Relay
	w.Title += ", the value left as it is"
	return w
}

func plural(partitions int) string {
	if partitions == 1 {
		return "1 partition"
	}
	return fmt.Sprintf("%d partitions", partitions)
}

// thousands separates the digits of n in groups of three.
func thousands(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// Choose finds works by their names; a name that ends in "*" stands for all that
// begin so. No names are all works.
func Choose(all []Work, names []string) ([]Work, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []Work
	for _, name := range names {
		before := len(chosen)
		prefix, open := strings.CutSuffix(name, "*")
		for _, w := range all {
			if w.Name == name || open && strings.HasPrefix(w.Name, prefix) {
				chosen = append(chosen, w)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("work %q: unknown; there are %s", name, Names(all))
		}
	}
	return chosen, nil
}

// Names are the names of works, with commas between.
func Names(all []Work) string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.Name
	}
	return strings.Join(names, ",")
}
