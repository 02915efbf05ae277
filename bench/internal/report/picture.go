package report

import (
	"fmt"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Picture is an SVG file of a report.
type Picture struct {
	Broker string
	Title  string
	Path   string // from the folder of the document
}

// Draw writes the report's pictures into the folder base/dir, and returns them
// with their paths from base.
func (r *Report) Draw(base, dir string) ([]Picture, error) {
	if r.grown() {
		return r.drawGrowth(base, dir)
	}
	var all []Picture
	for _, broker := range brokersOf(r.Summary) {
		for _, p := range []struct {
			name, title string
			draw        func(*plot.Plot, string) (int, error)
		}{
			{"calls", "Calls per second", r.drawCalls},
			{"latency", "Latency of a call: median, and dashed 99th percentile", r.drawLatency},
			{"works", "Everything, compared with raw", r.drawWorks},
		} {
			picture := newChart(p.title+", "+broker, "calls in flight, one partition", "")
			lines, err := p.draw(picture, broker)
			if err != nil {
				return nil, fmt.Errorf("picture %q: %w", p.title, err)
			}
			if lines == 0 {
				continue
			}
			path := filepath.Join(dir, p.name+"-"+broker+".svg")
			if err := save(picture, filepath.Join(base, path)); err != nil {
				return nil, fmt.Errorf("picture %q: %w", p.title, err)
			}
			all = append(all, Picture{Broker: broker, Title: picture.Title.Text, Path: path})
		}
	}
	return all, nil
}

// sides are all that have figures, in the order of the report.
func (r *Report) sides() []string {
	var all []string
	for _, c := range r.Summary {
		if c.Rounds > 0 && !slices.Contains(all, c.Side) {
			all = append(all, c.Side)
		}
	}
	return all
}

// curve adds a line of a side, which has the same color in all pictures.
func (r *Report) curve(p *plot.Plot, side string, points plotter.XYs, dashed, named bool) error {
	name := ""
	if named {
		name = side
	}
	return addCurve(p, name, slices.Index(r.sides(), side), points, dashed)
}

// byConcurrency is a figure of a side's calls on one partition.
func (r *Report) byConcurrency(broker, side string, figure func(Cell) float64) plotter.XYs {
	var points plotter.XYs
	for _, w := range r.Works {
		if w.Partitions != 1 || w.Name != fmt.Sprintf("call-%d-p1", w.InFlight) {
			continue
		}
		if c := find(r.Summary, broker, w.Name, side); c.Rounds > 0 && figure(c) > 0 {
			points = append(points, plotter.XY{X: float64(w.InFlight), Y: figure(c)})
		}
	}
	return points
}

// concurrencies are the points of byConcurrency.
func (r *Report) concurrencies() []float64 {
	var all []float64
	for _, w := range r.Works {
		if w.Name == fmt.Sprintf("call-%d-p1", w.InFlight) {
			all = append(all, float64(w.InFlight))
		}
	}
	return all
}

func (r *Report) drawCalls(p *plot.Plot, broker string) (lines int, err error) {
	p.Y.Label.Text = "calls per second"
	logarithmic(&p.X, r.concurrencies()...)
	logarithmic(&p.Y)
	for _, side := range r.sides() {
		if points := r.byConcurrency(broker, side, func(c Cell) float64 { return c.PerSecond.Median }); len(points) > 1 {
			if err := r.curve(p, side, points, false, true); err != nil {
				return 0, err
			}
			lines++
		}
	}
	return lines, nil
}

func (r *Report) drawLatency(p *plot.Plot, broker string) (lines int, err error) {
	p.Y.Label.Text = "milliseconds"
	logarithmic(&p.X, r.concurrencies()...)
	logarithmic(&p.Y)
	for _, side := range r.sides() {
		for _, figure := range []func(Cell) float64{
			func(c Cell) float64 { return c.P50.Median / 1e6 },
			func(c Cell) float64 { return c.P99.Median / 1e6 },
		} {
			points := r.byConcurrency(broker, side, figure)
			if len(points) < 2 {
				continue
			}
			if err := r.curve(p, side, points, lines%2 == 1, lines%2 == 0); err != nil {
				return 0, err
			}
			lines++
		}
	}
	return lines, nil
}

// drawWorks shows how many times as fast as the baseline each side is: where the
// work is a time, its inverse.
func (r *Report) drawWorks(p *plot.Plot, broker string) (lines int, err error) {
	p.X.Label.Text, p.Y.Label.Text = "", "times as fast as raw"
	logarithmic(&p.Y)
	var names []string
	for _, w := range r.Works {
		names = append(names, w.Name)
	}
	p.NominalX(names...)
	p.X.Tick.Label.Rotation = 0.6
	p.X.Tick.Label.XAlign = text.XRight
	p.X.Padding = 4 * vg.Millimeter // for the end of the last label
	for _, side := range r.sides() {
		var points plotter.XYs
		for i, w := range r.Works {
			c := find(r.Summary, broker, w.Name, side)
			if c.Ratio.Median <= 0 {
				continue
			}
			y := c.Ratio.Median
			if w.Timed() {
				y = 1 / y
			}
			points = append(points, plotter.XY{X: float64(i), Y: y})
		}
		if len(points) > 0 {
			if err := r.curve(p, side, points, true, true); err != nil {
				return 0, err
			}
			lines++
		}
	}
	if lines < 2 {
		return 0, nil // raw beside itself
	}
	return lines, nil
}
