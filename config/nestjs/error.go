package nestjs

import "fmt"

// Error is one option that cannot be taken over.
type Error struct {
	Path string // such as run.autoCommit
	// Source is the file, or empty for options set in code.
	Source string
	Err    error
}

func (e *Error) Error() string {
	if e.Source == "" {
		return fmt.Sprintf("nestjs: %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("nestjs: %s in %s: %v", e.Path, e.Source, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }
