// Package measure turns runs into figures: what processes used, medians,
// intervals.
package measure

import "runtime"

// Allocs is what a process has allocated since it started.
type Allocs struct {
	Objects uint64 `json:"objects"`
	Bytes   uint64 `json:"bytes"`
}

// OwnAllocs is what this process has allocated. It stops the world for a moment.
func OwnAllocs() Allocs {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return Allocs{Objects: mem.Mallocs, Bytes: mem.TotalAlloc}
}

// Since is what was allocated after an earlier reading.
func (a Allocs) Since(earlier Allocs) Allocs {
	return Allocs{Objects: a.Objects - earlier.Objects, Bytes: a.Bytes - earlier.Bytes}
}

// Memory is what a process holds.
type Memory struct {
	Heap       uint64 `json:"heap_bytes"` // of objects in use, after a collection
	Goroutines int    `json:"goroutines"`
}

// OwnMemory is what this process holds. It collects garbage first, twice, so that
// what waits in a sync.Pool goes too.
func OwnMemory() Memory {
	runtime.GC()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return Memory{Heap: mem.HeapAlloc, Goroutines: runtime.NumGoroutine()}
}
