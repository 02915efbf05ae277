package report

import (
	"slices"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// Cell is one side at one work on one broker, over all rounds.
type Cell struct {
	Broker string `json:"broker"`
	Work   string `json:"work"`
	Side   string `json:"side"`
	Rounds int    `json:"rounds"`

	// Missing is why there are no figures, or fewer rounds than were run.
	Missing string `json:"missing,omitempty"`

	PerSecond measure.Spread `json:"per_second"`

	// Ratio compares with the baseline, round by round: calls a second, or the
	// time of a work that is measured by its time. Zero without a baseline.
	Ratio    measure.Spread   `json:"ratio_to_raw"`
	Interval measure.Interval `json:"ratio_interval"`

	P50  measure.Spread `json:"p50_ns"`
	P99  measure.Spread `json:"p99_ns"`
	P999 measure.Spread `json:"p999_ns"`

	Allocs measure.Spread `json:"allocs_per_call"`
	CPU    measure.Spread `json:"cpu_ns_per_call"` // of server and client

	ServerCPU  measure.Spread `json:"server_cpu_ns"`
	ClientCPU  measure.Spread `json:"client_cpu_ns"`
	KafkaCPU   measure.Spread `json:"kafka_cpu_ns"`
	ServerPeak measure.Spread `json:"server_peak_memory"`
	ClientPeak measure.Spread `json:"client_peak_memory"`
	KafkaPeak  measure.Spread `json:"kafka_peak_memory"`
	Rate       measure.Spread `json:"rate,omitzero"`

	// The rest is of points of a curve.
	Ready      measure.Spread `json:"ready_ns,omitzero"`
	First      measure.Spread `json:"first_ns,omitzero"`
	Egress     measure.Spread `json:"egress_per_call,omitzero"` // bytes from brokers to clients
	ServerCost measure.Spread `json:"server_cpu_ns_per_call,omitzero"`
	ClientCost measure.Spread `json:"client_cpu_ns_per_call,omitzero"`
	KafkaCost  measure.Spread `json:"kafka_cpu_ns_per_call,omitzero"`
	ServerHeap measure.Spread `json:"server_heap,omitzero"`
	ClientHeap measure.Spread `json:"client_heap,omitzero"`
}

// Summarize makes cells of runs, by broker, then work, then side, each in the
// order of the runs.
func Summarize(runs []rounds.Run, works []work.Work) []Cell {
	var cells []Cell
	for _, broker := range distinct(runs, func(r rounds.Run) string { return r.Broker }) {
		for _, w := range works {
			row := slices.DeleteFunc(slices.Clone(runs), func(r rounds.Run) bool { return r.Broker != broker || r.Work != w.Name })
			for _, side := range distinct(row, func(r rounds.Run) string { return r.Side }) {
				cells = append(cells, newCell(of(row, side), of(row, rounds.Baseline), w))
			}
		}
	}
	return cells
}

func distinct(runs []rounds.Run, name func(rounds.Run) string) []string {
	var all []string
	for _, r := range runs {
		if n := name(r); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

func of(runs []rounds.Run, side string) []rounds.Run {
	return slices.DeleteFunc(slices.Clone(runs), func(r rounds.Run) bool { return r.Side != side })
}

// newCell sums up the rounds of one cell, compared with the same rounds of the
// baseline.
func newCell(all, base []rounds.Run, w work.Work) Cell {
	good := slices.DeleteFunc(slices.Clone(all), func(r rounds.Run) bool { return r.Missing != "" })
	ratios := paired(good, base, w)
	c := Cell{
		Broker: all[0].Broker, Work: w.Name, Side: all[0].Side, Rounds: len(good),
		Missing: strings.Join(distinct(all, func(r rounds.Run) string { return r.Missing }), ""),
		Ratio:   measure.SpreadOf(ratios), Interval: measure.MedianInterval(ratios),
	}
	for _, figure := range []struct {
		into *measure.Spread
		from func(rounds.Run) float64
	}{
		{&c.PerSecond, rounds.Run.PerSecond},
		{&c.P50, func(r rounds.Run) float64 { return float64(r.P50) }},
		{&c.P99, func(r rounds.Run) float64 { return float64(r.P99) }},
		{&c.P999, func(r rounds.Run) float64 { return float64(r.P999) }},
		{&c.CPU, func(r rounds.Run) float64 { return r.PerCall(float64(r.CPU())) }},
		{&c.Allocs, allocs},
		{&c.ServerCPU, func(r rounds.Run) float64 { return float64(r.Server.CPU) }},
		{&c.ClientCPU, func(r rounds.Run) float64 { return float64(r.Client.CPU) }},
		{&c.KafkaCPU, func(r rounds.Run) float64 { return float64(r.Kafka.CPU) }},
		{&c.ServerPeak, func(r rounds.Run) float64 { return float64(r.Server.Peak) }},
		{&c.ClientPeak, func(r rounds.Run) float64 { return float64(r.Client.Peak) }},
		{&c.KafkaPeak, func(r rounds.Run) float64 { return float64(r.Kafka.Peak) }},
		{&c.Rate, func(r rounds.Run) float64 { return r.Rate }},
	} {
		*figure.into = spread(good, figure.from)
	}
	if w.Curve.Axis != "" {
		c.addGrowth(good)
	}
	return c
}

func spread(runs []rounds.Run, figure func(rounds.Run) float64) measure.Spread {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = figure(r)
	}
	return measure.SpreadOf(values)
}

// addGrowth adds what only points of a curve have.
func (c *Cell) addGrowth(good []rounds.Run) {
	for _, figure := range []struct {
		into *measure.Spread
		from func(rounds.Run) float64
	}{
		{&c.Ready, func(r rounds.Run) float64 { return float64(r.Ready) }},
		{&c.First, func(r rounds.Run) float64 { return float64(r.First) }},
		{&c.Egress, func(r rounds.Run) float64 { return r.PerCall(float64(r.Read)) }},
		{&c.ServerCost, func(r rounds.Run) float64 { return r.PerCall(float64(r.Server.CPU)) }},
		{&c.ClientCost, func(r rounds.Run) float64 { return r.PerCall(float64(r.Client.CPU)) }},
		{&c.KafkaCost, func(r rounds.Run) float64 { return r.PerCall(float64(r.Kafka.CPU)) }},
		{&c.ServerHeap, func(r rounds.Run) float64 { return float64(r.ServerHolds.Heap) }},
		{&c.ClientHeap, func(r rounds.Run) float64 { return float64(r.ClientHolds.Heap) }},
	} {
		*figure.into = spread(good, figure.from)
	}
}

func allocs(r rounds.Run) float64 {
	if r.Allocs == nil {
		return 0
	}
	return r.PerCall(float64(r.Allocs.Objects))
}

// paired divides the figure of each round by that of the same round of the
// baseline: a slow minute of the machine then hits both.
func paired(runs, base []rounds.Run, w work.Work) []float64 {
	figure := rounds.Run.PerSecond
	if w.Timed() {
		figure = func(r rounds.Run) float64 { return float64(r.P50) }
	}
	byRound := make(map[int]float64)
	for _, r := range base {
		if r.Missing == "" {
			byRound[r.Round] = figure(r)
		}
	}
	var all []float64
	for _, r := range runs {
		if by := byRound[r.Round]; by > 0 {
			all = append(all, figure(r)/by)
		}
	}
	return all
}
