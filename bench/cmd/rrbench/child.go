package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/devbroker"
)

// A child is this program again, as a broker or as a server. It prints one
// line when it is ready, answers each line on its standard input with what it
// has used so far, as JSON, and ends when its input does, however the parent
// ends.
const (
	roleBroker = "broker"
	roleServer = "server"
)

// child is a running child process.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	ready string // its first line
}

func startChild(args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, args...)}
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if c.ready, err = c.line(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *child) line() (string, error) {
	if c.lines.Scan() {
		return c.lines.Text(), nil
	}
	return "", errors.Join(errors.New("child process ended early"), c.lines.Err())
}

// Usage is what the child has used so far.
func (c *child) Usage() (measure.Usage, error) {
	if _, err := io.WriteString(c.stdin, "usage\n"); err != nil {
		return measure.Usage{}, fmt.Errorf("ask child process: %w", err)
	}
	text, err := c.line()
	if err != nil {
		return measure.Usage{}, err
	}
	var used measure.Usage
	return used, json.Unmarshal([]byte(text), &used)
}

// Close ends the child and waits for it.
func (c *child) Close() error {
	return errors.Join(c.stdin.Close(), c.cmd.Wait())
}

// runChild is the whole life of a child process.
func runChild(set settings, stdin io.Reader, stdout io.Writer) error {
	signal.Ignore(os.Interrupt) // the parent gets it too, and ends us in order
	var ready string
	var closer io.Closer
	var err error
	switch set.role {
	case roleBroker:
		ready, closer, err = childBroker()
	case roleServer:
		ready, closer, err = childServer(set)
	default:
		err = fmt.Errorf("role %q: unknown", set.role)
	}
	if err != nil {
		return err
	}
	return errors.Join(answerUsage(ready, stdin, stdout), closer.Close())
}

func childBroker() (string, io.Closer, error) {
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return "", nil, err
	}
	return strings.Join(b.Addrs(), ","), b, nil
}

func childServer(set settings) (string, io.Closer, error) {
	if len(set.sides) != 1 {
		return "", nil, errors.New("a server has one side")
	}
	srv, err := set.sides[0].Serve(context.Background(), targetOf(set.brokers, set.pattern, set.delay))
	return "ready", srv, err
}

// answerUsage prints the ready line, then a line of usage for each line read.
func answerUsage(ready string, stdin io.Reader, stdout io.Writer) error {
	if _, err := fmt.Fprintln(stdout, ready); err != nil {
		return err
	}
	questions := bufio.NewScanner(stdin)
	answers := json.NewEncoder(stdout)
	for questions.Scan() {
		if err := answers.Encode(measure.OwnUsage()); err != nil {
			return err
		}
	}
	return questions.Err()
}
