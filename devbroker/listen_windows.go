package devbroker

import "syscall"

// errAddressInUse is what listening on a port in use fails with: WSAEADDRINUSE.
// Package syscall's EADDRINUSE is an invented number there.
const errAddressInUse = syscall.Errno(10048)
