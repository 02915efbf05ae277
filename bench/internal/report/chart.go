package report

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width  = 22 * vg.Centimeter
	height = 10 * vg.Centimeter
	margin = 3 * vg.Millimeter
)

var pale = color.Gray{Y: 0xdd}

// newChart is an empty picture with a grid, and a legend that save puts beside it.
func newChart(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = 2 * vg.Millimeter
	p.BackgroundColor = color.White
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Millimeter
	p.Legend.YPosition = draw.PosCenter
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = pale, pale
	p.Add(grid)
	return p
}

// addCurve adds a line with dots, and its name to the legend if it has one.
// style chooses its color and the shape of its dots.
func addCurve(p *plot.Plot, name string, style int, points plotter.XYs, dashed bool) error {
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, dots.Color, dots.Shape = plotutil.Color(style), plotutil.Color(style), plotutil.Shape(style)
	line.Width = vg.Points(1.5)
	if dashed {
		line.Dashes = plotutil.Dashes(1)
	}
	p.Add(line, dots)
	if name != "" {
		p.Legend.Add(name, line, dots)
	}
	return nil
}

// addLine adds a line without dots, for many points.
func addLine(p *plot.Plot, name string, style int, points plotter.XYs) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = plotutil.Color(style), vg.Points(1.5)
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

// logarithmic makes an axis have a label at each of its values, or at the powers
// of ten, and two and five times those, between what it shows.
func logarithmic(axis *plot.Axis, values ...float64) {
	axis.Scale = plot.LogScale{}
	axis.Tick.Marker = logTicks(values)
}

// logTicks are where a logarithmic axis has its labels.
type logTicks []float64

// Ticks is called by the plot.
func (t logTicks) Ticks(low, high float64) []plot.Tick {
	values := []float64(t)
	if len(values) == 0 {
		values = round(low, high)
	}
	ticks := make([]plot.Tick, 0, len(values))
	for _, v := range values {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64) + " "}) // the space is for wider fonts
	}
	return ticks
}

// round are the powers of ten between two values, with two and five times them
// where there are few.
func round(low, high float64) []float64 {
	steps := []float64{1}
	if math.Log10(high/low) < 3 {
		steps = []float64{1, 2, 5}
	}
	var all []float64
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, step := range steps {
			v, _ := strconv.ParseFloat(strconv.FormatFloat(step, 'f', 0, 64)+"e"+strconv.Itoa(int(e)), 64) // exact, unlike a product
			if v >= low*0.999 && v <= high*1.001 {
				all = append(all, v)
			}
		}
	}
	return all
}

// linear makes an axis begin at 0 and have labels at round numbers.
func linear(axis *plot.Axis) {
	axis.Min = 0
	axis.Tick.Marker = linearTicks{}
}

// linearTicks are where a linear axis has its labels: four to ten of them.
type linearTicks struct{}

// Ticks is called by the plot.
func (linearTicks) Ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	switch n := (high - low) / step; {
	case n < 2:
		step /= 5
	case n < 4:
		step /= 2
	}
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i*step <= high*1.001; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'g', 3, 64) + " "})
	}
	return ticks
}

// save draws the picture, and its legend to the right of it.
func save(p *plot.Plot, path string) error {
	canvas := vgsvg.New(width, height)
	all := draw.Crop(draw.New(canvas), margin, -margin, margin, -margin)
	beside := legendWidth(p) + 2*margin
	legend := p.Legend
	p.Legend = plot.NewLegend()
	p.Draw(draw.Crop(all, 0, -beside, 0, 0))
	legend.Draw(draw.Crop(all, width-2*margin-beside+margin, 0, 0, -1*vg.Centimeter))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	return err
}

// legendWidth is how much room the names take, with some for wider fonts.
func legendWidth(p *plot.Plot) vg.Length {
	box := p.Legend.Rectangle(draw.New(vgsvg.New(width, height)))
	return (box.Max.X - box.Min.X) * 1.25
}
