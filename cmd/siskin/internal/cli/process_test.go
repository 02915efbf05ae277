package cli_test

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds whatever a test waits for.
const patience = 30 * time.Second

// process is a siskin command that runs beside the test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	once   sync.Once
	code   int
}

// start runs a program with variables in addition to a bare environment, until
// it ends or the test does.
func start(t *testing.T, program string, variables []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program, args...), stdout: newOutput(), stderr: newOutput()}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GORACE=atexit_sleep_ms=0"}, variables...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.once.Do(func() {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		})
		if t.Failed() {
			t.Logf("siskin %s\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), p.stdout.all(), p.stderr.all())
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// exits waits for the end and checks the exit code.
func (p *process) exits(want int) {
	p.t.Helper()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	p.once.Do(func() {
		_ = p.cmd.Wait() // the exit code says it
		p.code = p.cmd.ProcessState.ExitCode()
	})
	if p.code != want {
		p.t.Fatalf("exit code %d, want %d", p.code, want)
	}
}

// output is what a process has written, as a whole and line by line.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	rest  string // behind the last newline
	lines chan string
}

func newOutput() *output { return &output{lines: make(chan string, 10_000)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	o.rest += string(p)
	for {
		line, rest, ok := strings.Cut(o.rest, "\n")
		if !ok {
			return len(p), nil
		}
		o.rest = rest
		o.lines <- line
	}
}

func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line waits for the next line that contains part.
func (o *output) line(t *testing.T, part string) string {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case line := <-o.lines:
			if strings.Contains(line, part) {
				return line
			}
		case <-late:
			t.Fatalf("no line with %q came", part)
		}
	}
}
