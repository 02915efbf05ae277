// Package half starts and asks the programs that are measured: each half of a
// side, its server and its client, is a process, in whichever language, that
// speaks the line protocol of bench/README.md.
package half

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// goodbye is how long a program may take to end when its stdin has ended.
const goodbye = 15 * time.Second

// Process is a running program. Its methods are for one goroutine at a time,
// Used excepted.
type Process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
	said  tail
	ready string

	once sync.Once
	end  error // how the program ended
}

// Start runs a program and waits for its first line. The program is killed when
// that does not come before ctx ends.
func Start(ctx context.Context, command string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(command, args...), lines: make(chan string)}
	p.cmd.Stderr = &p.said
	var err error
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
	go p.read(stdout)
	if p.ready, err = p.line(ctx); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%s does not get ready: %w", command, err)
	}
	return p, nil
}

func (p *Process) read(stdout io.Reader) {
	defer close(p.lines)
	in := bufio.NewScanner(stdout)
	for in.Scan() {
		p.lines <- in.Text()
	}
}

// line is the program's next line.
func (p *Process) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.lines:
		if !ok {
			_ = p.wait() // all that it said is there then
			return "", p.explain(errors.New("the program ended early"))
		}
		return line, nil
	case <-ctx.Done():
		return "", p.explain(ctx.Err())
	}
}

// explain adds what the program has said last.
func (p *Process) explain(err error) error {
	if said := p.said.String(); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// Ready is the program's first line.
func (p *Process) Ready() string { return p.ready }

// Ask sends a line and decodes the line that answers it. An answer with an
// "error" is one.
func (p *Process) Ask(ctx context.Context, answer any, words ...string) error {
	if _, err := io.WriteString(p.stdin, strings.Join(words, " ")+"\n"); err != nil {
		return p.explain(err)
	}
	text, err := p.line(ctx)
	if err != nil {
		return err
	}
	var refused struct{ Error string }
	if err := json.Unmarshal([]byte(text), &refused); err != nil {
		return fmt.Errorf("not an answer: %q: %w", text, err)
	}
	if refused.Error != "" {
		return errors.New(refused.Error)
	}
	return json.Unmarshal([]byte(text), answer)
}

// Used is what the process has used so far. It is not known on all systems.
func (p *Process) Used() Used { return UsedBy(p.cmd.Process.Pid) }

// Kill ends the program at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.wait()             // that it was killed is no news
}

// Close ends the program in order, and kills it if that takes long.
func (p *Process) Close() error {
	err := p.stdin.Close()
	late := time.AfterFunc(goodbye, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	return errors.Join(err, p.wait())
}

// wait waits until the program has ended, and says how it did.
func (p *Process) wait() error {
	p.once.Do(func() {
		for range p.lines { // what nobody asked for; else it would never end
			continue
		}
		if err := p.cmd.Wait(); err != nil {
			p.end = p.explain(err)
		}
	})
	return p.end
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 600

func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(text), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join(bytes.Fields(t.text), []byte(" ")))
}
