package half

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc on all of Linux's common systems.
const tick = 10 * time.Millisecond

// UsedBy is what a process has used so far; zero if there is none.
func UsedBy(pid int) Used {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Used{}
	}
	return Used{CPU: cpuOf(pid), Peak: memory(status, "VmHWM:"), Resident: memory(status, "VmRSS:")}
}

func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything; user and system time are the 12th and 13th field behind it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var ticks int64
	for _, field := range fields[min(11, len(fields)):min(13, len(fields))] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}

// memory is a line of a process's status, in bytes; 0 if there is none.
func memory(status []byte, name string) int64 {
	_, after, _ := strings.Cut(string(status), name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64) // 0 if it is no number
	return kib << 10
}
