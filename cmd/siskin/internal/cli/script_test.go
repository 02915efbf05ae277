package cli_test

import (
	"errors"
	"flag"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/siskin-go/siskin/siskintest"
)

var update = flag.Bool("update", false, "write what the scripts see into them")

// TestScripts runs testdata/script. Each script has the topics of the world by
// their names, such as $sum, and two topics of its own: $notes with one
// partition, $wide with three.
func TestScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SISKIN_BROKERS", strings.Join(w.cfg.Brokers, ","))
			env.Setenv("SISKIN_TOPICS", "create")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // otherwise each command takes a second to end
			for name, topic := range w.topics {
				env.Setenv(name, topic)
			}
			notes, wide := siskintest.Name("notes"), siskintest.Name("wide")
			w.create(t, notes, 1)
			w.create(t, wide, 3)
			env.Setenv("notes", notes)
			env.Setenv("wide", wide)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a command and checks its exit code: exits CODE COMMAND ARGUMENTS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
