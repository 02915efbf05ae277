package half

import "time"

// Used is what a process has used since it started; zero if that is not known.
type Used struct {
	CPU      time.Duration `json:"cpu_ns"`                    // user and system time
	Resident int64         `json:"resident_memory,omitempty"` // bytes in memory now
	Peak     int64         `json:"peak_memory"`               // most bytes in memory at a time
}

// Since is what was used after an earlier reading. A peak has no beginning; what is in memory
// now is left out.
func (u Used) Since(earlier Used) Used { return Used{CPU: u.CPU - earlier.CPU, Peak: u.Peak} }
