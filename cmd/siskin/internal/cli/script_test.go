package cli_test

import (
	"context"
	"errors"
	"flag"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

var update = flag.Bool("update", false, "write what the scripts see into them")

// TestScripts runs testdata/script. Each script has the topics of the world by
// their names, such as $sum, and topics of its own: $notes and $notes-dlt with one
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
			w.create(t, notes+"-dlt", 1)
			env.Setenv("notes", notes)
			env.Setenv("wide", wide)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "letter": w.letter},
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

// letter writes a record with any headers and bytes: letter TOPIC VALUE
// NAME=VALUE…, where values may have the escapes of Go.
func (w world) letter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: letter TOPIC VALUE NAME=VALUE…")
	}
	unquote := func(text string) []byte {
		value, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
		ts.Check(err)
		return []byte(value)
	}
	r := &kgo.Record{Topic: args[0], Value: unquote(args[1])}
	for _, header := range args[2:] {
		name, value, _ := strings.Cut(header, "=")
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: unquote(value)})
	}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...))
	ts.Check(err)
	defer kafka.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(kafka.ProduceSync(ctx, r).FirstErr())
}
