package deadletters_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait; Java takes its time to start.
const patience = 90 * time.Second

// program is a service that runs beside the test.
type program struct {
	stdin io.WriteCloser
	lines chan string
}

// start runs a command until the test ends. Its stdout is read line by line.
func start(t *testing.T, dir string, command ...string) *program {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{stdin: stdin, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.lines {
			continue // until its end, which Wait must not come before
		}
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s has said: %s", command[0], stderr.String())
		}
	})
	return p
}

// await returns the rest of the next line that begins with start.
func (p *program) await(t *testing.T, start string) string {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended before a line began with %q", start)
			}
			if rest, found := strings.CutPrefix(line, start); found {
				return strings.TrimPrefix(rest, " ")
			}
		case <-late:
			t.Fatalf("no line began with %q", start)
		}
	}
}

// mend makes the service handle what it failed before.
func (p *program) mend(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, "mend\n"); err != nil {
		t.Fatal(err)
	}
	p.await(t, "mended")
}

// build makes a program of a folder with a module.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program.exe")
	cmd := exec.Command("go", "build", "-o", binary, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// spring is the command that starts the service on Spring Kafka.
func spring(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("./jars")
	cmd.Dir, cmd.Stderr = "../spring", os.Stderr
	jars, err := cmd.Output()
	if err != nil {
		t.Fatalf("spring/jars: %v", err)
	}
	path := filepath.Join(strings.TrimSpace(string(jars)), "*")
	return append([]string{"java", "-XX:TieredStopAtLevel=1", "-cp", path, "DeadLetters.java"}, args...)
}

// siskin runs the command line on brokers and returns what it printed.
func (s *site) siskin(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.binary, append([]string{"dlt"}, args...)...)
	cmd.Env = append(os.Environ(), "SISKIN_BROKERS="+strings.Join(s.brokers, ","))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("siskin %q: %v\n%s%s", args, err, out, stderr.String())
	}
	return string(out)
}

func place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d@%d", topic, partition, offset)
}
