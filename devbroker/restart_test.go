package devbroker_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// fill gives a broker an auto-created topic of three records, two of which a
// group has read and committed.
func fill(t *testing.T, addr string) {
	t.Helper()
	produce(t, client(t, addr), "orders", "one", "two", "three")
	consumeGroup(t, addr, "shop", "orders", 2)
}

// checkFilled checks that what fill did is there, and can go on.
func checkFilled(t *testing.T, addr string) {
	t.Helper()
	if got := committed(t, addr, "shop", "orders"); got != 2 {
		t.Errorf("committed offset %d, want 2", got)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, readAll(t, addr, "orders", 3)); diff != "" {
		t.Error(diff)
	}
	produce(t, client(t, addr), "orders", "four")
	if diff := cmp.Diff([]string{"three", "four"}, consumeGroup(t, addr, "shop", "orders", 2)); diff != "" {
		t.Error(diff)
	}
	if got := committed(t, addr, "shop", "orders"); got != 4 {
		t.Errorf("committed offset %d, want 4", got)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	cfg := devbroker.Config{Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), ExactPort: true, DataDir: t.TempDir()}
	b := start(t, cfg)
	fill(t, b.Addr())
	closeBroker(t, b)
	checkFilled(t, start(t, cfg).Addr())
}

func TestClientsComeBackByThemselves(t *testing.T) {
	t.Parallel()
	cfg := devbroker.Config{Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), ExactPort: true, DataDir: t.TempDir()}
	b := start(t, cfg)
	producer := client(t, b.Addr())
	produce(t, producer, "news", "before")
	reader := client(t, b.Addr(), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("news"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	consume(t, reader, 1)

	closeBroker(t, b)
	start(t, cfg)
	produce(t, producer, "news", "after")
	if diff := cmp.Diff([]string{"after"}, consume(t, reader, 1)); diff != "" {
		t.Error(diff)
	}
}

// copied is a copy of a data folder as a crash would leave it: the broker is
// still using the original.
func copied(t *testing.T, dir string) string {
	t.Helper()
	dst := t.TempDir()
	if err := os.CopyFS(dst, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return dst
}

func TestWithoutCloseNothingIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, start(t, devbroker.Config{DataDir: dir}).Addr())
	crashed := copied(t, dir)
	b := start(t, devbroker.Config{DataDir: crashed})
	checkFilled(t, b.Addr())
	twice := copied(t, crashed)
	if got := committed(t, start(t, devbroker.Config{DataDir: twice}).Addr(), "shop", "orders"); got != 4 {
		t.Errorf("committed offset %d after two crashes, want 4", got)
	}
}

func TestKilledBrokerLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childFolder+"="+dir)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close() //nolint:errcheck // the child is dead
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Error(err)
	} else {
		fill(t, strings.TrimSpace(addr))
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "killed" is what we wanted
	checkFilled(t, start(t, devbroker.Config{DataDir: dir}).Addr())
}
