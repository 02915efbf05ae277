package devbroker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// tear appends a half-written entry to a file, as a crash can leave it.
func tear(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\x40\x00\x00\x00half"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestTornLogsAreCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, start(t, devbroker.Config{DataDir: dir}).Addr())
	crashed := copied(t, dir)
	tear(t, filepath.Join(crashed, "groups.log"))
	tear(t, filepath.Join(crashed, "pids.log"))
	checkFilled(t, start(t, devbroker.Config{DataDir: crashed}).Addr())
	again := copied(t, crashed)
	if got := committed(t, start(t, devbroker.Config{DataDir: again}).Addr(), "shop", "orders"); got != 4 {
		t.Errorf("committed offset %d after a torn log and a second crash, want 4", got)
	}
}

func TestEmptiedLogKeepsItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	topic := devbroker.Topic{Name: "replies", Configs: map[string]string{"retention.ms": "60000"}}
	b := start(t, devbroker.Config{DataDir: dir, Topics: []devbroker.Topic{topic}})
	c := client(t, b.Addr())
	for range 5 {
		old := &kgo.Record{Topic: topic.Name, Value: []byte("v"), Timestamp: time.Now().Add(-time.Hour)}
		if err := c.ProduceSync(testContext(t), old).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	b.Cluster().ApplyRetention()
	closeBroker(t, b)

	for round := range 3 { // orderly ends and crashes alike
		b = start(t, devbroker.Config{DataDir: dir})
		if got := endOffset(t, b.Addr(), topic.Name); got != 5 {
			t.Fatalf("round %d: end offset %d, want 5", round, got)
		}
		if round == 1 {
			dir = copied(t, dir)
			continue
		}
		closeBroker(t, b)
	}
	b = start(t, devbroker.Config{DataDir: dir})
	produce(t, client(t, b.Addr()), topic.Name, "new")
	crashed := start(t, devbroker.Config{DataDir: copied(t, dir)})
	if got := endOffset(t, crashed.Addr(), topic.Name); got != 6 {
		t.Errorf("end offset %d after a new record and a crash, want 6", got)
	}
}
