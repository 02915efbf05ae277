package devbroker_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/siskin-go/siskin/devbroker"
)

// occupy listens on a port until the test ends.
func occupy(t *testing.T, port int) string {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return addr
}

func TestWantedPort(t *testing.T) {
	t.Parallel()
	want := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	b := start(t, devbroker.Config{Listen: want, ExactPort: true})
	if b.Addr() != want || b.Moved() {
		t.Errorf("addr %s, moved %t, want %s", b.Addr(), b.Moved(), want)
	}
	produce(t, client(t, want), "t", "v")
}

func TestNextFreePort(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	taken := occupy(t, port)
	occupy(t, port+1)
	b := start(t, devbroker.Config{Listen: taken})
	if want := fmt.Sprintf("127.0.0.1:%d", port+2); b.Addr() != want {
		t.Errorf("addr %s, want %s", b.Addr(), want)
	}
	if !b.Moved() {
		t.Error("not reported as moved")
	}
	produce(t, client(t, b.Addr()), "t", "v")
}

func TestNextFreePortOfSeveralNodes(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	occupy(t, port+1)
	b := start(t, devbroker.Config{Listen: fmt.Sprintf("127.0.0.1:%d", port), Nodes: 2})
	want := []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+2)}
	if got := b.Addrs(); got[0] != want[0] || got[1] != want[1] || !b.Moved() {
		t.Errorf("addrs %q, moved %t, want %q", got, b.Moved(), want)
	}
}

func TestExactPortTaken(t *testing.T) {
	t.Parallel()
	taken := occupy(t, freePort(t))
	_, err := devbroker.Start(devbroker.Config{Listen: taken, ExactPort: true, DataDir: t.TempDir()})
	if !errors.Is(err, devbroker.ErrPortTaken) || !strings.Contains(err.Error(), taken) {
		t.Errorf("error %q, want ErrPortTaken that names %s", err, taken)
	}
}

func TestLoopbackUnlessNamed(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{Listen: ":0"})
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil || host != "127.0.0.1" || port == "0" {
		t.Errorf("addr %q", b.Addr())
	}
	if b.Moved() {
		t.Error("any port cannot be another port")
	}
}

func TestAdvertise(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{Listen: "0.0.0.0:0", Advertise: "localhost"})
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil || host != "localhost" {
		t.Fatalf("addr %q", b.Addr())
	}
	c := client(t, "127.0.0.1:"+port)
	nodes, err := kadm.NewClient(c).ListBrokers(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if nodes[0].Host != "localhost" {
		t.Errorf("clients are told %q", nodes[0].Host)
	}
	produce(t, c, "t", "v")
}
