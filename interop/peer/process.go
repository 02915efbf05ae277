// Package peer starts the NestJS programs of the folder interop/nest and talks
// to them: a JSON object a line, on their standard input and output.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Options says which program to start, and how.
type Options struct {
	// Dir is the folder with the programs and their node_modules.
	Dir string
	// Program is a file in Dir.
	Program string
	// Env is added to the environment of this process, as "NAME=value".
	Env []string
	// Patience is how long the program may take to end when it is asked to;
	// then it is killed. Default: 15 seconds, more than the ten after which
	// the programs of interop/nest end by force.
	Patience time.Duration
}

// Process is a running program. Safe for concurrent use.
type Process struct {
	name     string
	patience time.Duration
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	stderr   *tail
	isReady  sync.Once
	ready    chan struct{} // closed at the ready line
	port     int           // of the ready line; read after ready
	done     chan struct{} // closed when the process has ended
	err      error         // of its end; read after done

	writing sync.Mutex
	stop    sync.Once
	stopErr error

	mu       sync.Mutex
	statuses []string
}

// Errors of Start that say what to install.
var (
	ErrNoNode    = errors.New("node is missing: install Node.js 20 or newer")
	ErrNoModules = errors.New("the packages of the NestJS programs are missing: run `npm ci` in interop/nest, nest11 and nest10")
)

// Start starts the program and returns when it has said that it is ready. each
// gets every other line, from one goroutine; it must not block. When ctx ends
// first, the program is killed.
func Start(ctx context.Context, o Options, each func(Line)) (*Process, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, ErrNoNode
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "node_modules")); err != nil {
		return nil, ErrNoModules
	}
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	p := &Process{
		name: o.Program, patience: o.Patience, stderr: &tail{most: 4096},
		ready: make(chan struct{}), done: make(chan struct{}),
	}
	p.cmd = exec.Command(node, o.Program)
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Stdout = &lines{each: func(text []byte) { p.line(text, each) }}
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = time.Second // for a grandchild that keeps the pipes open
	ownGroup(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Program, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if err := p.await(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// await returns when the program is ready, or ends it.
func (p *Process) await(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return p.errorf("ended before it was ready: %v", p.err)
	case <-ctx.Done():
		p.kill()
		return p.errorf("was not ready in time: %v", ctx.Err())
	}
}

// Stop asks the program to end by closing its standard input, and kills it with
// all its children when that takes too long. It returns an error when the
// program did not end by itself with exit code 0.
func (p *Process) Stop() error {
	p.stop.Do(func() { p.stopErr = p.end() })
	return p.stopErr
}

func (p *Process) end() error {
	_ = p.stdin.Close() // fails when the program has ended
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
		return p.errorf("did not end within %v of the end of its input, so it was killed", p.patience)
	}
	if p.err != nil {
		return p.errorf("ended badly: %v", p.err)
	}
	return nil
}

func (p *Process) kill() {
	killGroup(p.cmd)
	_ = p.stdin.Close()
	<-p.done // bounded by WaitDelay
}

// Kill ends the program and its children at once, as a crash does, and returns
// when it has ended.
func (p *Process) Kill() { p.kill() }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Port is where the program takes HTTP, or 0 when it does not.
func (p *Process) Port() int { return p.port }

// Crashed reports whether Nest has ever said that its consumer crashed.
func (p *Process) Crashed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.statuses, "crashed")
}

// Write sends one line.
func (p *Process) Write(line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode a line for %s: %w", p.name, err)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if _, err := p.stdin.Write(append(text, '\n')); err != nil {
		return p.errorf("takes no input: %v", err)
	}
	return nil
}

func (p *Process) line(text []byte, each func(Line)) {
	var l Line
	if err := json.Unmarshal(text, &l); err != nil {
		_, _ = fmt.Fprintf(p.stderr, "not a JSON line on the standard output: %q\n", text)
		return
	}
	switch {
	case l.Ready:
		p.isReady.Do(func() {
			p.port = l.Port
			close(p.ready)
		})
	case l.Status != "":
		p.mu.Lock()
		p.statuses = append(p.statuses, l.Status)
		p.mu.Unlock()
	default:
		each(l)
	}
}

// errorf is an error of this program, with what it last said about it.
func (p *Process) errorf(format string, args ...any) error {
	text := fmt.Sprintf("%s "+format, append([]any{p.name}, args...)...)
	return fmt.Errorf("%s; the end of its standard error:\n%s", text, p.stderr)
}
