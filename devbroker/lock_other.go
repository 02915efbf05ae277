//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package devbroker

import (
	"errors"
	"os"
)

// errLocked means that another open file holds the lock.
var errLocked = errors.New("locked")

// openLocked fails: two brokers in one folder would destroy it, and this
// system gives us no way to notice.
func openLocked(path string) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: path, Err: errors.ErrUnsupported}
}
