package report

import (
	"fmt"
	"image/color"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"

	"github.com/siskin-go/siskin/bench/internal/rounds"
)

// axisCurve is a line in the picture of an axis.
type axisCurve struct {
	name  string
	curve string
	side  string
	of    figure
}

// axisCurves are the lines in the picture of each axis.
var axisCurves = []struct {
	axis, title, label string
	lines              []axisCurve
}{
	{
		"handlers", "More handlers", "handlers of a service, each with its topic", []axisCurve{
			{"one called: CPU a call", "handlers", candidate, cpuFigure},
			{"one called: p50", "handlers", candidate, p50Figure},
			{"all called: CPU a call", "called", candidate, cpuFigure},
			{"all called, one reply topic: CPU", "together", candidate, cpuFigure},
			{"all called: time of first calls", "called", candidate, firstFigure},
			{"time to ready", "handlers", candidate, readyFigure},
			{"server's memory", "handlers", candidate, serverMemory},
			{"raw, one called: CPU a call", "handlers", rounds.Baseline, cpuFigure},
		},
	},
	{
		"pending", "More pending calls", "calls that are pending at a client", []axisCurve{
			{"all answered: CPU a call", "pending", candidate, cpuFigure},
			{"all answered: p50", "pending", candidate, p50Figure},
			{"all answered: client's memory", "pending", candidate, clientMemory},
			{"beside 64: CPU a call", "waiting", candidate, cpuFigure},
			{"beside 64: client's memory", "waiting", candidate, clientMemory},
			{"raw, all answered: p50", "pending", rounds.Baseline, p50Figure},
		},
	},
	{
		"clients", "More clients", "clients, 200 calls in flight", []axisCurve{
			{"one reply topic: bytes a call", "shared", candidate, egressFigure},
			{"one reply topic: CPU a call", "shared", candidate, cpuFigure},
			{"one reply topic: broker's CPU", "shared", candidate, brokerFigure},
			{"a topic each: bytes a call", "own", candidate, egressFigure},
			{"a topic each: CPU a call", "own", candidate, cpuFigure},
			{"a topic each: broker's CPU", "own", candidate, brokerFigure},
			{"raw, one reply topic: bytes", "shared", rounds.Baseline, egressFigure},
		},
	},
	{
		"partitions", "More partitions", "partitions of the topic of requests", []axisCurve{
			{"CPU a call", "partitions", candidate, cpuFigure},
			{"p50", "partitions", candidate, p50Figure},
			{"time to ready", "partitions", candidate, readyFigure},
			{"server's memory", "partitions", candidate, serverMemory},
			{"raw: CPU a call", "partitions", rounds.Baseline, cpuFigure},
			{"raw: p50", "partitions", rounds.Baseline, p50Figure},
		},
	},
}

// drawGrowth draws a picture for each axis on each broker.
func (r *Report) drawGrowth(base, dir string) ([]Picture, error) {
	var all []Picture
	for _, broker := range brokersOf(r.Summary) {
		for _, axis := range axisCurves {
			p := newChart(axis.title+", "+broker, axis.label, "times the first figure")
			drawn, err := r.drawAxis(p, broker, axis.lines)
			if err != nil {
				return nil, fmt.Errorf("picture %q: %w", axis.title, err)
			}
			if !drawn {
				continue
			}
			path := filepath.Join(dir, "growth-"+axis.axis+"-"+broker+".svg")
			if err := save(p, filepath.Join(base, path)); err != nil {
				return nil, fmt.Errorf("picture %q: %w", axis.title, err)
			}
			all = append(all, Picture{Broker: broker, Title: p.Title.Text, Path: path})
		}
	}
	return all, nil
}

// drawAxis draws the lines that have figures, each in multiples of its first
// figure, and a pale one that is linear. It is false when there are none.
func (r *Report) drawAxis(p *plot.Plot, broker string, lines []axisCurve) (bool, error) {
	var numbers []float64
	for style, l := range lines {
		points := relative(r.growth(broker, l.curve, l.side, l.of))
		if len(points) < 2 {
			continue
		}
		if err := addCurve(p, l.name, style, points, strings.HasPrefix(l.name, rounds.Baseline)); err != nil {
			return false, err
		}
		if numbers == nil {
			for _, point := range points {
				numbers = append(numbers, point.X)
			}
		}
	}
	if numbers == nil {
		return false, nil
	}
	if err := addLinear(p, numbers); err != nil {
		return false, err
	}
	logarithmic(&p.X, numbers...)
	logarithmic(&p.Y)
	return true, nil
}

// relative divides a figure by the first one.
func relative(points plotter.XYs) plotter.XYs {
	all := make(plotter.XYs, len(points))
	for i, point := range points {
		all[i] = plotter.XY{X: point.X, Y: point.Y / points[0].Y}
	}
	return all
}

// addLinear adds the line of what rises as its number does.
func addLinear(p *plot.Plot, numbers []float64) error {
	first, last := numbers[0], numbers[len(numbers)-1]
	line, err := plotter.NewLine(plotter.XYs{{X: first, Y: 1}, {X: last, Y: last / first}})
	if err != nil {
		return err
	}
	line.Color, line.Dashes = color.Gray{Y: 0x80}, plotutil.Dashes(2)
	p.Add(line)
	p.Legend.Add("linear", line)
	return nil
}
