//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package devbroker

import (
	"errors"
	"os"
	"syscall"
)

// errLocked means that another open file holds the lock.
var errLocked = errors.New("locked")

// openLocked opens or creates a file and locks it until it is closed, which
// the end of the process does too, however it ends.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // the folder is the user's choice
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close() // it was not ours
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, &os.PathError{Op: "lock", Path: path, Err: err}
}
