package devbroker_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

func TestProduceAndConsume(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{})
	produce(t, client(t, b.Addr()), "greetings", "hello", "again")
	got := readAll(t, b.Addr(), "greetings", 2)
	if diff := cmp.Diff([]string{"hello", "again"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTopicsAreThereAtOnce(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{
		Partitions: 2,
		Topics: []devbroker.Topic{
			{Name: "plain"},
			{Name: "wide", Partitions: 5, Configs: map[string]string{"retention.ms": "60000"}},
		},
	})
	topics, err := kadm.NewClient(client(t, b.Addr())).ListTopics(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"plain": 2, "wide": 5} {
		if got := len(topics[name].Partitions); got != want {
			t.Errorf("topic %s: %d partitions, want %d", name, got, want)
		}
	}
}

func TestSeveralNodes(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{Nodes: 3, Topics: []devbroker.Topic{{Name: "spread", Partitions: 12}}})
	if n := len(b.Addrs()); n != 3 {
		t.Fatalf("%d addresses, want 3", n)
	}
	if b.Addrs()[0] != b.Addr() {
		t.Errorf("first of %q is not %q", b.Addrs(), b.Addr())
	}
	for _, addr := range b.Addrs() {
		nodes, err := kadm.NewClient(client(t, addr)).ListBrokers(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(nodes) != 3 {
			t.Errorf("%s knows %d nodes, want 3", addr, len(nodes))
		}
	}
	produce(t, client(t, b.Addr()), "spread", "a", "b", "c")
}

func TestCloseFreesThePortAndIsIdempotent(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{})
	select {
	case <-b.Done():
		t.Fatal("done before Close")
	default:
	}
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() { closeBroker(t, b) })
	}
	closers.Wait()
	<-b.Done()
	ln, err := net.Listen("tcp", b.Addr())
	if err != nil {
		t.Fatalf("port not free after Close: %v", err)
	}
	_ = ln.Close()
}

func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{DataDir: t.TempDir()})
	c := client(t, b.Addr(), kgo.RecordRetries(1))
	produce(t, c, "warm", "up")
	var producers sync.WaitGroup
	for i := range 200 {
		producers.Add(1)
		topic := fmt.Sprintf("load-%d", i%20) // new topics, so that Close meets their creation
		c.Produce(testContext(t), &kgo.Record{Topic: topic, Value: []byte("x")}, func(*kgo.Record, error) { producers.Done() })
	}
	closeBroker(t, b)
	c.Close() // fails what is left
	producers.Wait()
}

func TestCloseReportsWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = b.Close()
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("close of a broker without its folder: %v", err)
	}
	if again := b.Close(); again != err {
		t.Errorf("second close: %v, want %v", again, err)
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  devbroker.Config
		want string
	}{
		{"no port", devbroker.Config{Listen: "localhost"}, "host:port"},
		{"word as port", devbroker.Config{Listen: "localhost:kafka"}, `port "kafka"`},
		{"port too big", devbroker.Config{Listen: "localhost:70000"}, `port "70000"`},
		{"negative nodes", devbroker.Config{Nodes: -1}, "nodes -1"},
		{"many nodes", devbroker.Config{Nodes: 10}, "nodes 10"},
		{"negative partitions", devbroker.Config{Partitions: -1}, "partitions -1"},
		{"topic name", devbroker.Config{Topics: []devbroker.Topic{{Name: "a b"}}}, `topic "a b"`},
		{"topic partitions", devbroker.Config{Topics: []devbroker.Topic{{Name: "a", Partitions: -2}}}, "partitions -2"},
		{"sync without folder", devbroker.Config{SyncWrites: true}, "DataDir"},
		{"shared port", devbroker.Config{Nodes: 2, Advertise: "kafka:9092"}, "cannot share a port"},
		{"wildcard", devbroker.Config{Listen: "0.0.0.0:0"}, "Advertise"},
		{"advertised port", devbroker.Config{Listen: "127.0.0.1:0", Advertise: "kafka:x"}, `"kafka:x"`},
		{"strange host", devbroker.Config{Listen: "192.0.2.1:0"}, "192.0.2.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := devbroker.Start(tt.cfg)
			if err == nil {
				closeBroker(t, b)
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "devbroker: ") {
				t.Errorf("error %q does not mention %q", err, tt.want)
			}
		})
	}
}
