package measure

// Slope is how fast y rises with x: the median of the slopes between all pairs of
// points, which a few wild points do not move. It is zero for less than two
// points; xs must differ.
func Slope(xs, ys []float64) float64 {
	var slopes []float64
	for i := range xs {
		for j := range i {
			slopes = append(slopes, (ys[i]-ys[j])/(xs[i]-xs[j]))
		}
	}
	return SpreadOf(slopes).Median
}
