package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// roleEnv makes this program play another role than that of the run itself; it
// holds the role's settings as JSON.
const roleEnv = "SISKIN_FAULTS_ROLE"

// role is what a process of this program does. One field is set.
type role struct {
	Service *serviceSettings `json:",omitempty"`
	Broker  *brokerSettings  `json:",omitempty"`
}

// exitOrphan is the code of a process whose parent has ended.
const exitOrphan = 4

// patience bounds whatever the run waits for; it is only used up by a failure.
const patience = 90 * time.Second

// process is this program in another role.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	first chan string   // its first line
	ended chan struct{} // closed when it has ended
	log   string        // path
}

// startProcess starts this program in a role. What it writes on its standard error goes
// to a file beside the journals.
func startProcess(name, folder string, r role) (*process, error) {
	settings, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(self), first: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+string(settings), "GORACE=atexit_sleep_ms=0 halt_on_error=1")
	log, err := os.OpenFile(filepath.Join(folder, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	p.cmd.Stderr, p.log = log, log.Name()
	// A signal from the terminal is for the run, which ends the others in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		defer close(p.first)
		lines := bufio.NewScanner(stdout)
		for n := 0; lines.Scan(); n++ {
			if n == 0 {
				p.first <- lines.Text()
			}
		}
		_ = p.cmd.Wait() // its state says how it ended
	}()
	return p, nil
}

// tell writes a line to the process's standard input.
func (p *process) tell(text string) {
	_, _ = fmt.Fprintln(p.stdin, text) // an error means that it has ended
}

// line waits for the first line of its standard output.
func (p *process) line() (string, error) {
	select {
	case l, ok := <-p.first:
		if !ok {
			return "", fmt.Errorf("%s has ended: %v\n%s", p.name, p.cmd.ProcessState, p.said())
		}
		return l, nil
	case <-time.After(patience):
		return "", fmt.Errorf("%s says nothing for %v\n%s", p.name, patience, p.said())
	}
}

// end sends a signal and waits for the end. It reports false for a process that
// had ended before by itself.
func (p *process) end(s syscall.Signal) bool {
	asked := p.running()
	_ = p.cmd.Process.Signal(s) // an error means that it has ended
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	_ = p.stdin.Close()
	return asked
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// code is the exit code of an ended process, -1 for a killed one.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// endedBy says whether the signal itself has ended the process.
func (p *process) endedBy(s syscall.Signal) bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// raced says whether the race detector has ended the process.
func (p *process) raced() bool { return strings.Contains(p.said(), "DATA RACE") }

// said is the end of what the process wrote on its standard error.
func (p *process) said() string {
	const most = 16 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
