package cli_test

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/siskin-go/siskin"
)

// The address is all that is on stdout, signals end the broker orderly, and what
// it was given is there at its next start.
func TestBrokerKeepsItsFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	args := []string{"broker", "--listen", "127.0.0.1:0", "--data-dir", folder}
	for run, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, "siskin", nil, args...)
		addr := p.stdout.line(t, "127.0.0.1:")
		w := world{cfg: siskin.Config{Brokers: []string{addr}}}
		if run == 0 {
			w.create(t, "notes", 1)
			start(t, "siskin", w.variables(), "emit", "notes", `"hi"`).exits(0)
		}
		tail := start(t, "siskin", w.variables(), "tail", "notes", "--until-end")
		tail.stdout.line(t, "notes/0@0 hi")
		tail.exits(0)
		p.signal(end)
		p.exits(0)
		if p.stdout.all() != addr+"\n" || !strings.Contains(p.stderr.all(), "not for production") {
			t.Errorf("stdout %q, stderr %q", p.stdout.all(), p.stderr.all())
		}
	}
}

func TestBrokerRefusesATakenPort(t *testing.T) {
	t.Parallel()
	p := start(t, "siskin", nil, "broker", "--listen", taken(t))
	p.exits(1)
	p.stderr.line(t, "port taken")
}

func TestBrokerSyncsAFolderOnly(t *testing.T) {
	t.Parallel()
	p := start(t, "siskin", nil, "broker", "--sync")
	p.exits(2)
	p.stderr.line(t, "--data-dir")

	p = start(t, "siskin", nil, "broker", "--listen", "127.0.0.1:0", "--sync", "--data-dir", t.TempDir())
	w := world{cfg: siskin.Config{Brokers: []string{p.stdout.line(t, "127.0.0.1:")}}}
	w.create(t, "notes", 1)
	start(t, "siskin", w.variables(), "emit", "notes", `"hi"`).exits(0)
}

// taken is an address at which somebody listens.
func taken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}
