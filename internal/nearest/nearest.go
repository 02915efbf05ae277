// Package nearest finds the name that somebody who made a slip of the pen has
// meant.
package nearest

// Of returns the name that is the fewest edits away from name, or "" when there
// are none.
func Of(name string, names []string) string {
	best, fewest := "", 0
	for _, n := range names {
		if d := distance(name, n); best == "" || d < fewest {
			best, fewest = n, d
		}
	}
	return best
}

// distance is how many letters must be added, removed or replaced to turn one
// name into the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
