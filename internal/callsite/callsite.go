// Package callsite says where somebody calls a package from.
package callsite

import (
	"fmt"
	"runtime"
	"strings"
)

// Outside is the first file and line up the stack whose function is not of the
// package whose functions' names begin with prefix, which is the caller's.
func Outside(prefix string) string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, prefix) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
