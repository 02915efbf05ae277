package cli_test

import (
	"strings"
	"syscall"
	"testing"
)

// Ctrl-C prints what there is: here one call that nobody has answered, which is no failure.
func TestSignalEndsABench(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := start(t, "siskin", w.variables(), "bench", "call", w.topics["silent"], "1", "--duration", "0", "--json")
	w.awaitRecord(t, w.topics["silent"])
	p.signal(syscall.SIGINT)
	p.exits(130)
	if !strings.HasPrefix(p.stdout.all(), `{"count":0,"failed":0,`) || p.stderr.all() != "" {
		t.Errorf("it said %q and %q", p.stdout.all(), p.stderr.all())
	}
}

// Calls that a service refuses are counted, and the exit code is that of the first.
func TestBenchCountsFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := start(t, "siskin", w.variables(), "bench", "call", w.topics["sum"], `"no numbers"`, "--count", "3", "--json")
	p.exits(3)
	if !strings.HasPrefix(p.stdout.all(), `{"count":0,"failed":3,`) {
		t.Errorf("it said %q", p.stdout.all())
	}
	p.stderr.line(t, "3 calls failed, the first one: ")
}
