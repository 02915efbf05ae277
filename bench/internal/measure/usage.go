package measure

import (
	"runtime"
	"time"
)

// Usage is what processes have used since they started.
type Usage struct {
	Allocs uint64        `json:"allocs"` // objects allocated
	Bytes  uint64        `json:"bytes"`  // bytes allocated
	CPU    time.Duration `json:"cpu_ns"` // user and system time
}

// OwnUsage is what this process has used. It stops the world for a moment.
func OwnUsage() Usage {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return Usage{Allocs: mem.Mallocs, Bytes: mem.TotalAlloc, CPU: cpuTime()}
}

// Plus is what two processes have used together.
func (u Usage) Plus(other Usage) Usage {
	return Usage{Allocs: u.Allocs + other.Allocs, Bytes: u.Bytes + other.Bytes, CPU: u.CPU + other.CPU}
}

// Since is what was used after an earlier reading.
func (u Usage) Since(earlier Usage) Usage {
	return Usage{Allocs: u.Allocs - earlier.Allocs, Bytes: u.Bytes - earlier.Bytes, CPU: u.CPU - earlier.CPU}
}
