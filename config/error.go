package config

import "fmt"

// Error is one thing that is wrong in a file or in the environment.
type Error struct {
	// Key is the setting, or what was taken for one. Empty when the file as a
	// whole is at fault.
	Key string
	// Value is what was found there, or nil for an unknown key.
	Value any
	// Source is the path of the file or the name of the variable.
	Source string
	Err    error
}

func (e *Error) Error() string {
	switch {
	case e.Key == "":
		return fmt.Sprintf("config: %s: %v", e.Source, e.Err)
	case e.Value == nil:
		return fmt.Sprintf("config: %s in %s: %v", e.Key, e.Source, e.Err)
	}
	return fmt.Sprintf("config: %s: %q from %s: %v", e.Key, fmt.Sprint(e.Value), e.Source, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }
