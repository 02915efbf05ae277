package main

import (
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
)

// result is one run. Times are in nanoseconds in JSON.
type result struct {
	Side      string        `json:"side"`
	InFlight  int           `json:"in_flight"`
	Round     int           `json:"round"`
	Calls     uint64        `json:"calls"`
	Took      time.Duration `json:"took_ns"`
	PerSecond float64       `json:"calls_per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	P999      time.Duration `json:"p999_ns"`
	Max       time.Duration `json:"max_ns"`
	Used      measure.Usage `json:"used"` // by client and server, without the broker
}

func newResult(name string, inFlight int, h *measure.Histogram, took time.Duration, used measure.Usage) result {
	return result{
		Side:      name,
		InFlight:  inFlight,
		Calls:     h.Count(),
		Took:      took,
		PerSecond: float64(h.Count()) / took.Seconds(),
		P50:       h.Quantile(0.50),
		P99:       h.Quantile(0.99),
		P999:      h.Quantile(0.999),
		Max:       h.Max(),
		Used:      used,
	}
}

// perCall divides what a run used by its calls.
func (r result) perCall(total float64) float64 {
	if r.Calls == 0 {
		return 0
	}
	return total / float64(r.Calls)
}

// cell is one side at one number of calls in flight, over all rounds.
type cell struct {
	Side      string         `json:"side"`
	InFlight  int            `json:"in_flight"`
	PerSecond measure.Spread `json:"calls_per_second"`
	Ratio     measure.Spread `json:"ratio_to_raw"` // of calls/s, round by round; zero without the side raw
	P50       measure.Spread `json:"p50_ns"`
	P99       measure.Spread `json:"p99_ns"`
	P999      measure.Spread `json:"p999_ns"`
	Allocs    measure.Spread `json:"allocs_per_call"`
	Bytes     measure.Spread `json:"bytes_per_call"`
	CPU       measure.Spread `json:"cpu_ns_per_call"`
}

// summarize makes cells of results, in the order of their first appearance.
func summarize(results []result) []cell {
	type key struct {
		side     string
		inFlight int
	}
	var order []key
	groups := make(map[key][]result)
	for _, r := range results {
		k := key{r.Side, r.InFlight}
		if len(groups[k]) == 0 {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	var cells []cell
	for _, k := range order {
		cells = append(cells, newCell(groups[k], groups[key{baseline, k.inFlight}]))
	}
	return cells
}

// newCell sums up the rounds of one cell, compared with the same rounds of the
// baseline.
func newCell(rounds, base []result) cell {
	over := func(figure func(result) float64) measure.Spread {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = figure(r)
		}
		return measure.SpreadOf(values)
	}
	return cell{
		Side:      rounds[0].Side,
		InFlight:  rounds[0].InFlight,
		PerSecond: over(func(r result) float64 { return r.PerSecond }),
		Ratio:     measure.SpreadOf(ratios(rounds, base)),
		P50:       over(func(r result) float64 { return float64(r.P50) }),
		P99:       over(func(r result) float64 { return float64(r.P99) }),
		P999:      over(func(r result) float64 { return float64(r.P999) }),
		Allocs:    over(func(r result) float64 { return r.perCall(float64(r.Used.Allocs)) }),
		Bytes:     over(func(r result) float64 { return r.perCall(float64(r.Used.Bytes)) }),
		CPU:       over(func(r result) float64 { return r.perCall(float64(r.Used.CPU)) }),
	}
}

// ratios divides the calls per second of rounds by those of the same rounds of
// the baseline: a slow minute of the machine then hits both.
func ratios(rounds, base []result) []float64 {
	byRound := make(map[int]float64)
	for _, r := range base {
		byRound[r.Round] = r.PerSecond
	}
	var all []float64
	for _, r := range rounds {
		if by := byRound[r.Round]; by > 0 {
			all = append(all, r.PerSecond/by)
		}
	}
	return all
}

// firstCalls are the first calls of new clients of one side.
type firstCalls struct {
	Side    string        `json:"side"`
	What    string        `json:"what"`
	Clients uint64        `json:"clients"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
}

func newFirstCalls(name, what string, h *measure.Histogram) firstCalls {
	return firstCalls{Side: name, What: what, Clients: h.Count(), P50: h.Quantile(0.50), P99: h.Quantile(0.99), Max: h.Max()}
}
