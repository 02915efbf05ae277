package devbroker

import "errors"

// Reasons why Start fails that a program may want to tell apart, with
// errors.Is. The error itself names the address or the folder.
var (
	// ErrPortTaken means that the port is in use: with Config.ExactPort the
	// port asked for, without it all of the 100 ports tried.
	ErrPortTaken = errors.New("port taken")

	// ErrFolderInUse means that another broker uses the data folder.
	ErrFolderInUse = errors.New("in use by another broker")

	// ErrForeignFolder means that the data folder holds files that no broker
	// of ours wrote, so writing there could harm them.
	ErrForeignFolder = errors.New("not a broker's data folder")
)
