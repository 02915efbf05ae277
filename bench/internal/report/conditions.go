package report

import (
	"fmt"
	"runtime"
	"time"
)

// Conditions are when and on what something was measured. They hold no address
// and no host name.
type Conditions struct {
	Begun    time.Time `json:"begun"`
	Ended    time.Time `json:"ended"`
	Go       string    `json:"go"`
	System   string    `json:"system"`
	CPUs     int       `json:"cpus"`
	LoadMean string    `json:"load_average,omitempty"` // of the machine before the first run and after the last
}

func begin() Conditions {
	return Conditions{
		Begun: time.Now().UTC().Truncate(time.Second), LoadMean: loadMean(),
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
	}
}

func (c *Conditions) end() {
	c.Ended = time.Now().UTC().Truncate(time.Second)
	if after := loadMean(); after != "" {
		c.LoadMean += " → " + after
	}
}

// String is the conditions as a part of a sentence.
func (c Conditions) String() string {
	text := fmt.Sprintf("%s, %s, %d CPUs, from %s to %s UTC", c.Go, c.System, c.CPUs, c.Begun.Format("2006-01-02 15:04"), c.Ended.Format("15:04"))
	if c.LoadMean != "" {
		text += "; load average before and after: " + c.LoadMean
	}
	return text
}
