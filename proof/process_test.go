package proof_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs beside the test.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	stderr text
	ended  chan struct{} // closed when it has ended and all its lines are read

	mu    sync.Mutex
	asked bool // the test wants it to end
}

// start runs a program until it is ended or the test is. each gets every line
// of its standard output, in turn.
func start(t *testing.T, name string, variables []string, each func(string), program string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GORACE=atexit_sleep_ms=0 halt_on_error=1",
	}, variables...)
	p.cmd.Stderr = &p.stderr
	// A program of this package ends when its input does, so also when the
	// test is killed.
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			each(lines.Text())
		}
		_ = p.cmd.Wait() // its state says how it ended
		_ = stdin.Close()
		p.checkEnd()
	}()
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s wrote on stderr:\n%s", name, p.stderr.last())
		}
	})
	return p
}

// checkEnd runs before the test can end.
func (p *process) checkEnd() {
	p.mu.Lock()
	asked := p.asked
	p.mu.Unlock()
	if !asked {
		p.t.Errorf("%s ended by itself: %v", p.name, p.cmd.ProcessState)
	}
	if strings.Contains(p.stderr.all(), "DATA RACE") {
		p.t.Errorf("%s has a data race", p.name)
	}
}

// end sends a signal and waits for the end. A process that has ended is left
// alone.
func (p *process) end(s syscall.Signal) {
	p.signal(s)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("%s does not end", p.name)
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
}

func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	p.asked = true
	p.mu.Unlock()
	_ = p.cmd.Process.Signal(s) // an error means that it has ended
}

// kill ends the process as a crash would.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// leave ends the process in order.
func (p *process) leave() {
	p.t.Helper()
	p.end(syscall.SIGTERM)
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s ended with code %d", p.name, code)
	}
}

// text collects what a process writes.
type text struct {
	guarded
	buf bytes.Buffer
}

func (x *text) Write(p []byte) (n int, err error) {
	x.update(func() { n, err = x.buf.Write(p) })
	return n, err
}

func (x *text) all() (all string) {
	x.read(func() { all = x.buf.String() })
	return all
}

// last is the end of the text, which is what a failure needs.
func (x *text) last() string {
	const most = 4 << 10
	all := x.all()
	return all[max(0, len(all)-most):]
}

// line waits for a line that begins with prefix, and returns the rest of it.
func (x *text) line(t *testing.T, prefix string) (rest string) {
	t.Helper()
	x.wait(t, "no line begins with "+prefix, func() bool {
		for l := range strings.Lines(x.buf.String()) {
			if after, ok := strings.CutPrefix(l, prefix); ok && strings.HasSuffix(l, "\n") {
				rest = strings.TrimSpace(after)
				return true
			}
		}
		return false
	})
	return rest
}
