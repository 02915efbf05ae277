//go:build unix

package peer

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into a group of its own, so that killGroup reaches
// its children too.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup fails when the process has ended, which is as good.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
