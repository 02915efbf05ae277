package peer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/interop/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program writes a script to a folder that looks as after "npm ci".
func program(t *testing.T, script string) peer.Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "node_modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "program.js"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return peer.Options{Dir: dir, Program: "program.js"}
}

func TestStartSaysWhatToInstall(t *testing.T) {
	o := peer.Options{Dir: t.TempDir(), Program: "program.js"}
	if _, err := peer.Start(t.Context(), o, nil); !errors.Is(err, peer.ErrNoModules) {
		t.Errorf("without node_modules: got %v, want %v", err, peer.ErrNoModules)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := peer.Start(t.Context(), o, nil); !errors.Is(err, peer.ErrNoNode) {
		t.Errorf("without node: got %v, want %v", err, peer.ErrNoNode)
	}
}

func TestStartTellsWhyAProgramEnded(t *testing.T) {
	t.Parallel()
	_, err := peer.Start(t.Context(), program(t, `console.error("the reason"); process.exit(3)`), nil)
	for _, part := range []string{"program.js", "before it was ready", "exit status 3", "the reason"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error has no %q: %v", part, err)
		}
	}
}

func TestStartKillsAProgramThatIsNeverReady(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := peer.Start(ctx, program(t, `setInterval(() => {}, 1000)`), nil)
	if err == nil || !strings.Contains(err.Error(), "not ready in time") {
		t.Errorf("got %v, want an error about the time", err)
	}
}

func TestLinesAndStop(t *testing.T) {
	t.Parallel()
	got := make(chan peer.Line, 1)
	p, err := peer.Start(t.Context(), program(t, `
		process.stdin.on("data", (data) => process.stdout.write(data)).once("end", () => process.exit(0));
		console.log('{"ready":true}');`), func(l peer.Line) { got <- l })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(peer.Line{ID: 7, Next: []byte("null")}); err != nil {
		t.Fatal(err)
	}
	if l := <-got; l.ID != 7 || string(l.Next) != "null" || l.Complete {
		t.Errorf("got %+v, want what was written", l)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := p.Write(peer.Line{}); err == nil {
		t.Error("a program that has ended took a line")
	}
}

// The child of the program holds a connection, so its end can be seen.
func TestStopKillsTheWholeGroup(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	o := program(t, fmt.Sprintf(`
		const child = 'require("net").connect(%d, "127.0.0.1")';
		require("child_process").spawn(process.execPath, ["-e", child], { stdio: "inherit" });
		setInterval(() => {}, 1000);
		console.log('{"ready":true}');`, listener.Addr().(*net.TCPAddr).Port))
	o.Patience = 100 * time.Millisecond
	p, err := peer.Start(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v, want an error about the kill", err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("the child lives on: %v", err)
	}
}

func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }
