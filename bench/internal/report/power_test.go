package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/plotter"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/program"
	"github.com/siskin-go/siskin/bench/internal/rounds"
	"github.com/siskin-go/siskin/bench/internal/work"
)

func TestPowerIsThatOfTheSteepestStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		at   func(x float64) float64
		want float64
	}{
		{"constant", func(float64) float64 { return 7 }, 0},
		{"linear", func(x float64) float64 { return 3 * x }, 1},
		{"square", func(x float64) float64 { return x * x }, 2},
		{"falling", func(x float64) float64 { return 1 / x }, -1},
		{"square at the end", func(x float64) float64 { return max(10, x*x/1000) }, 2},
	} {
		var points plotter.XYs
		for _, x := range []float64{1, 10, 100, 1000} {
			points = append(points, plotter.XY{X: x, Y: tt.at(x)})
		}
		if got := power(points); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// grownReport is one whose calls cost base + each·number of CPU.
func grownReport(base, each time.Duration) *Report {
	r := &Report{Works: work.Growth()}
	for _, w := range r.Works {
		for _, side := range []string{rounds.Baseline, candidate} {
			cost := base
			if side == candidate {
				cost += each * time.Duration(w.Curve.N)
			}
			r.Runs = append(r.Runs, rounds.Run{
				Broker: "b", Work: w.Name, Side: side, Round: 1,
				Figures: program.Figures{Count: 10, Took: time.Second, P50: cost, P99: cost},
				Server:  half.Used{CPU: 10 * cost, Peak: 1 << 20},
			})
		}
	}
	r.Sum()
	return r
}

func TestGrowthGoals(t *testing.T) {
	t.Parallel()
	for _, g := range grownReport(time.Millisecond, 0).Goals {
		if !g.Met {
			t.Errorf("nothing grows: %v", g)
		}
	}
	var missed []string
	for _, g := range grownReport(time.Millisecond, time.Millisecond).Goals {
		if !g.Met {
			missed = append(missed, g.What)
		}
	}
	if len(missed) != 1 || !strings.HasPrefix(missed[0], "routing") {
		t.Errorf("what grows as its number does misses %q, want only the goal of routing", missed)
	}
}

func TestGrowthIsWrittenBetweenItsMarks(t *testing.T) {
	t.Parallel()
	r := grownReport(time.Millisecond, time.Microsecond)
	dir := t.TempDir()
	doc := filepath.Join(dir, "speed.md")
	old := fmt.Sprintf("before\n%s\nstale\n%s\nbetween\n%s\nstays\n%s\nafter\n", growthMark.begin(), growthMark.end(), figuresMark.begin(), figuresMark.end())
	if err := os.WriteFile(doc, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	pictures, err := r.Draw(dir, "speed")
	if err != nil {
		t.Fatal(err)
	}
	if len(pictures) != 4 {
		t.Errorf("%d pictures, want one for each axis", len(pictures))
	}
	if err := r.Embed(doc, pictures); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "before\n") || !strings.Contains(got, "\nbetween\n"+figuresMark.begin()+"\nstays\n") || strings.Contains(got, "stale") {
		t.Errorf("the document has changed around its marks:\n%s", got)
	}
	for _, p := range pictures {
		if svg, err := os.ReadFile(filepath.Join(dir, p.Path)); err != nil || !strings.Contains(string(svg), "</svg>") || !strings.Contains(got, p.Path) {
			t.Errorf("picture %s: %v", p.Path, err)
		}
	}
	for _, curve := range r.curves() {
		if !strings.Contains(got, capital(curve.Title)) {
			t.Errorf("no table of %s", curve.Name)
		}
	}
}

func TestDocumentWithoutMarksIsLeftAlone(t *testing.T) {
	t.Parallel()
	doc := filepath.Join(t.TempDir(), "speed.md")
	if err := os.WriteFile(doc, []byte(growthMark.begin()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := growthMark.embed(doc, "text"); err == nil || !strings.Contains(err.Error(), growthMark.end()) {
		t.Errorf("error %v, want one that names the marks", err)
	}
}
