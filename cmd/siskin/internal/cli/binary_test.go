package cli_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The command as people have it: built, with its own broker, and called.
func TestBinary(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "siskin.exe")
	build := exec.Command("go", "build", "-o", binary, "github.com/siskin-go/siskin/cmd/siskin")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := start(t, binary, nil, "demo", "--listen", "127.0.0.1:0")
	broker := strings.Fields(p.stderr.line(t, "broker  "))[1]
	addr := strings.TrimPrefix(p.stderr.line(t, "http://"), "http    http://")
	p.stderr.line(t, "ready")
	wantAnswer(t, addr, "/sum", "[1,2,3]", http.StatusCreated, "6")
	wantAnswer(t, addr, "/max", "[4,9,2]", http.StatusCreated, "9")
	wantAnswer(t, addr, "/max", "[]", http.StatusBadRequest, "send at least one")
	wantAnswer(t, addr, "/print", `{"message":"hi"}`, http.StatusCreated, `"topicName":"print"`)
	p.stdout.line(t, "print: hi")

	call := start(t, binary, []string{"SISKIN_BROKERS=" + broker}, "call", "sum", "[1,2,3]")
	call.exits(0)
	if call.stdout.all() != "6\n" {
		t.Errorf("call: %q", call.stdout.all())
	}
	p.signal(syscall.SIGINT)
	p.exits(0)
}
