package report

import (
	"os"
	"strings"
)

// loadMean is how many programs wanted the processors in the last minute; empty
// where that is not known.
func loadMean() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
