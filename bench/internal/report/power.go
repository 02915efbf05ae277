package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
	"gonum.org/v1/plot/plotter"
)

// figure is one of the figures of a cell that can grow.
type figure struct {
	name string
	of   func(Cell) float64
}

// The figures whose growth has a goal.
var (
	cpuFigure    = figure{"CPU a call", func(c Cell) float64 { return c.CPU.Median }}
	serverFigure = figure{"server's CPU a call", func(c Cell) float64 { return c.ServerCost.Median }}
	brokerFigure = figure{"broker's CPU a call", func(c Cell) float64 { return c.KafkaCost.Median }}
	p50Figure    = figure{"p50", func(c Cell) float64 { return c.P50.Median }}
	readyFigure  = figure{"time to ready", func(c Cell) float64 { return c.Ready.Median }}
	firstFigure  = figure{"time of first calls", func(c Cell) float64 { return c.First.Median }}
	egressFigure = figure{"bytes to the clients a call", func(c Cell) float64 { return c.Egress.Median }}
	serverMemory = figure{"server's memory", func(c Cell) float64 { return c.ServerPeak.Median }}
	clientMemory = figure{"client's memory", func(c Cell) float64 { return c.ClientPeak.Median }}
)

// allGrowing are those that are looked at.
var allGrowing = []figure{cpuFigure, p50Figure, serverMemory, clientMemory, readyFigure, firstFigure, egressFigure}

// growth is a figure of a side over the numbers of a curve, where it is known.
func (r *Report) growth(broker, curve, side string, f figure) plotter.XYs {
	var points plotter.XYs
	r.points(broker, curve, func(w work.Work, c Cell) {
		if c.Side == side && c.Rounds > 0 && f.of(c) > 0 {
			points = append(points, plotter.XY{X: float64(w.Curve.N), Y: f.of(c)})
		}
	})
	return points
}

// risen is how many times the first value the last one is.
func risen(points plotter.XYs) float64 {
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].Y / points[0].Y
}

// power is that of the steepest step: 1 if a figure doubles where the number does.
// It is negative where all steps go down.
func power(points plotter.XYs) float64 {
	steepest := math.Inf(-1)
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		steepest = max(steepest, math.Log(b.Y/a.Y)/math.Log(b.X/a.X))
	}
	return steepest
}

const (
	constant  = 1.5 // a figure that has risen by less is constant
	mostPower = 1.1
)

// growthGoals are that routing costs the same whatever the number of handlers,
// and all else rises no more than its number does.
func (r *Report) growthGoals() []Goal {
	var all []Goal
	for _, broker := range brokersOf(r.Summary) {
		if g, ok := r.routing(broker); ok {
			all = append(all, g)
		}
		for _, curve := range r.curves() {
			for _, f := range allGrowing {
				if p, ok := r.power(broker, curve.Name, f); ok {
					all = append(all, Goal{broker, "power of growth, " + curve.Name + ", " + f.name, p, mostPower, true, p <= mostPower})
				}
			}
		}
	}
	return all
}

// power is that of a figure of the side that has goals. It is false for a figure
// that there is not.
func (r *Report) power(broker, curve string, f figure) (float64, bool) {
	return r.powerOf(broker, curve, candidate, f)
}

func (r *Report) powerOf(broker, curve, side string, f figure) (float64, bool) {
	points := r.growth(broker, curve, side, f)
	if len(points) < 2 {
		return 0, false
	}
	if risen(points) < constant {
		return 0, true
	}
	return power(points), true
}

// powers is the table of how all figures grow.
func (r *Report) powers(b *strings.Builder, broker string) {
	columns := []string{"power of growth"}
	for _, f := range allGrowing {
		columns = append(columns, f.name)
	}
	fmt.Fprintf(b, "\n%s", head(columns))
	for _, curve := range r.curves() {
		row := []string{capital(curve.Title)}
		for _, f := range allGrowing {
			row = append(row, r.powerCell(broker, curve.Name, f))
		}
		b.WriteString(tableRow(row, len(columns)))
	}
	if g, ok := r.routing(broker); ok {
		fmt.Fprintf(b, "\nGoal: %s\n", strings.TrimPrefix(g.String(), broker+": "))
	}
}

// powerCell has raw's power too where the goal is missed.
func (r *Report) powerCell(broker, curve string, f figure) string {
	p, ok := r.power(broker, curve, f)
	if !ok {
		return "–"
	}
	cell := fmt.Sprintf("%.2f", p)
	if p <= mostPower {
		return cell
	}
	cell += ", missed"
	if raw, ok := r.powerOf(broker, curve, rounds.Baseline, f); ok {
		cell += fmt.Sprintf("; raw %.2f", raw)
	}
	return cell
}

// routing compares the server's CPU to the baseline's at the most handlers with
// the same at one.
func (r *Report) routing(broker string) (Goal, bool) {
	ours := r.growth(broker, "handlers", candidate, serverFigure)
	theirs := r.growth(broker, "handlers", rounds.Baseline, serverFigure)
	if len(ours) < 2 || len(theirs) < 2 {
		return Goal{}, false
	}
	f := quotient(risen(ours), risen(theirs))
	return Goal{broker, "routing: how much more the server's CPU a call rises with the handlers than that of raw", f, 1.25, true, f <= 1.25}, true
}
