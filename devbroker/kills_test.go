package devbroker_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	kills     = 50
	killsSeed = 20260918
)

// The command's broker is killed again and again while clients do all that
// changes its folder. After each kill, everything that was acknowledged is read
// again.
func TestKills(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d", killsSeed)
	random := rand.New(rand.NewPCG(killsSeed, 0)) //nolint:gosec // repeatable on purpose
	v := &victim{binary: buildCommand(t), folder: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	book := newLedger()
	v.start(t)
	t.Cleanup(func() { v.kill(t) }) // after the load has ended
	startLoad(t, v.addr, book)
	seen := &sights{}
	for round := range kills {
		book.await(t, 1+random.IntN(400))
		v.kill(t)
		for range random.IntN(3) {
			v.killWhileStarting(t, random.IntN(2000))
		}
		v.start(t)
		seen.check(t, v.addr, book)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	t.Log(book.summary())
	book.everythingHappened(t)
}

// buildCommand builds the command siskin.
func buildCommand(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "siskin.exe")
	build := exec.Command("go", "build", "-o", binary, "github.com/siskin-go/siskin/cmd/siskin")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// victim is a broker process that is killed and started on the same port and
// folder.
type victim struct {
	binary string
	folder string
	addr   string
	cmd    *exec.Cmd
	log    strings.Builder
}

func (v *victim) start(t *testing.T) {
	t.Helper()
	stdout := v.begin(t)
	late := time.AfterFunc(patience, func() { _ = v.cmd.Process.Kill() })
	defer late.Stop()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		_ = v.cmd.Wait()
		t.Fatalf("the broker does not start: %v\n%s", err, v.log.String())
	}
}

func (v *victim) begin(t *testing.T) io.Reader {
	t.Helper()
	v.log.Reset()
	v.cmd = exec.Command(v.binary, "broker", "--listen", v.addr, "--data-dir", v.folder, "--retention-check", "10ms")
	v.cmd.Stderr = &v.log
	stdout, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return stdout
}

// killWhileStarting kills the process after so many looks at its folder, when
// it may be mending it.
func (v *victim) killWhileStarting(t *testing.T, looks int) {
	t.Helper()
	v.begin(t)
	for range looks {
		if _, err := os.Stat(v.folder); err != nil {
			t.Fatal(err)
		}
	}
	v.kill(t)
}

// kill kills the process with SIGKILL and waits for its end.
func (v *victim) kill(t *testing.T) {
	t.Helper()
	_ = v.cmd.Process.Kill() // it may be gone already
	_ = v.cmd.Wait()
	if strings.Contains(v.log.String(), "panic") || t.Failed() {
		t.Errorf("the broker's log:\n%s", v.log.String())
	}
}
