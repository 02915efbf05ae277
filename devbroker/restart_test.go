package devbroker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
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

// A member that died while the broker was away must not keep its partitions.
func TestDeadMemberIsNoticedAfterARestart(t *testing.T) {
	t.Parallel()
	for name, balancer := range map[string]kgo.Opt{
		"consumer": kgo.ServerSideBalancer(), "classic": kgo.Balancers(kgo.CooperativeStickyBalancer()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := devbroker.Config{
				Listen: fmt.Sprintf("127.0.0.1:%d", freePort(t)), ExactPort: true, DataDir: t.TempDir(),
				Options: []kfake.Opt{kfake.BrokerConfigs(map[string]string{
					"group.consumer.session.timeout.ms": "1000", "group.consumer.heartbeat.interval.ms": "100",
				}), kfake.GroupMinSessionTimeout(time.Second)},
			}
			b := start(t, cfg)
			produce(t, client(t, b.Addr()), "news", "one")
			join := func(reached *atomic.Bool) *kgo.Client {
				return client(t, b.Addr(), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("news"), balancer,
					kgo.SessionTimeout(time.Second), kgo.HeartbeatInterval(100*time.Millisecond),
					kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
					kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
						if reached.Load() {
							return new(net.Dialer).DialContext(ctx, network, host)
						}
						return nil, errors.New("this member is dead")
					}))
			}
			var alive atomic.Bool
			alive.Store(true)
			consume(t, join(&alive), 1)
			alive.Store(false) // the end of the broker cuts its connections
			closeBroker(t, b)
			age(t, cfg.DataDir)
			start(t, cfg)
			alive2 := new(atomic.Bool)
			alive2.Store(true)
			consume(t, join(alive2), 1)
		})
	}
}

// age makes the last heartbeats of all members old.
func age(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "session_state.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`"lastHeartbeat":"[^"]*"`)
	if !old.Match(text) {
		t.Fatalf("no member in %s", text)
	}
	if err := os.WriteFile(path, old.ReplaceAll(text, []byte(`"lastHeartbeat":"2020-01-01T00:00:00Z"`)), 0o600); err != nil {
		t.Fatal(err)
	}
}
