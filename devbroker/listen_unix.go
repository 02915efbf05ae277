//go:build !windows

package devbroker

import "syscall"

// errAddressInUse is what listening on a port in use fails with.
const errAddressInUse = syscall.EADDRINUSE
