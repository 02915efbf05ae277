package devbroker_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/devbroker/internal/datadir"
)

// The files of a first start, in the order in which they are written.
var firstFiles = []string{
	"meta.json", "topics.json", "acls.json", "sasl.json", "broker_configs.json", "quotas.json",
	"groups.log", "pids.log", "seq_windows.json",
}

func TestFirstStartInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, devbroker.Config{DataDir: dir})
	for written := range len(firstFiles) + 1 {
		t.Run(strconv.Itoa(written), func(t *testing.T) {
			killed := copied(t, dir)
			for _, name := range firstFiles[written:] {
				_ = os.Remove(filepath.Join(killed, name)) // some are gone after a start
			}
			fill(t, start(t, devbroker.Config{DataDir: killed}).Addr())
			checkFilled(t, start(t, devbroker.Config{DataDir: copied(t, killed)}).Addr())
		})
	}
}

func TestCompactionInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	topic := devbroker.Topic{Name: "orders", Configs: map[string]string{"cleanup.policy": "compact", "segment.bytes": "100"}}
	b := start(t, devbroker.Config{DataDir: dir, Topics: []devbroker.Topic{topic}})
	c := client(t, b.Addr())
	var want []string
	for i := range 10 {
		value := strconv.Itoa(i)
		want = append(want, value)
		if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: topic.Name, Key: []byte("k" + value), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	killed := copied(t, dir)
	topics, err := datadir.ReadTopics(killed)
	if err != nil {
		t.Fatal(err)
	}
	if err := datadir.BackUp(killed, topics); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(killed, "partitions", "orders-0")
	files, err := filepath.Glob(filepath.Join(folder, "*.dat"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d segments: %v", len(files), err)
	}
	for removed := range len(files) + 1 {
		t.Run(strconv.Itoa(removed), func(t *testing.T) {
			torn := copied(t, killed)
			for _, f := range files[:removed] {
				if err := os.Remove(filepath.Join(torn, "partitions", "orders-0", filepath.Base(f))); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, readAll(t, start(t, devbroker.Config{DataDir: torn}).Addr(), "orders", 10)); diff != "" {
				t.Error(diff)
			}
			if _, err := os.Stat(filepath.Join(torn, "siskin-compacting")); !os.IsNotExist(err) {
				t.Errorf("the backup is still there: %v", err)
			}
		})
	}
}

func TestDeletionInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, devbroker.Config{DataDir: dir, Topics: []devbroker.Topic{{Name: "orders", Partitions: 2}}})
	c := client(t, b.Addr(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for p := range int32(2) {
		if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: "orders", Partition: p, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	commitOffset(t, b.Addr(), 1)
	killed := copied(t, dir)
	topics, err := datadir.ReadTopics(killed)
	if err != nil {
		t.Fatal(err)
	}
	if err := datadir.MarkDeletion(killed, topics, false); err != nil {
		t.Fatal(err)
	}

	untouched := start(t, devbroker.Config{DataDir: copied(t, killed)})
	if end := endOffset(t, untouched.Addr(), "orders"); end != 1 {
		t.Errorf("a deletion that had not begun: end %d, want 1", end)
	}
	if err := os.Remove(filepath.Join(killed, "partitions", "orders-1", "0.dat")); err != nil {
		t.Fatal(err)
	}
	begun := start(t, devbroker.Config{DataDir: killed})
	admin := kadm.NewClient(client(t, begun.Addr()))
	left, err := admin.ListTopics(testContext(t))
	if err != nil || left.Has("orders") {
		t.Errorf("the topic is there: %v, %v", left.Names(), err)
	}
	offsets, err := admin.FetchOffsets(testContext(t), "shop")
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("orders", 0); ok && o.At >= 0 {
		t.Errorf("the offset %d is still committed", o.At)
	}
}

// A transaction without its end is aborted, and stays so when the next one of
// the same producer is committed. One that had been committed in one partition
// is committed in the other too.
func TestTransactionInterrupted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		marker bool
		want   []string
	}{
		"open":           {false, []string{"next"}},
		"half committed": {true, []string{"begun", "next"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			topics := []devbroker.Topic{{Name: "debit"}, {Name: "credit"}}
			b := start(t, devbroker.Config{DataDir: dir, Topics: topics})
			c := client(t, b.Addr(), kgo.TransactionalID("bank"))
			if err := c.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			produce(t, c, "debit", "begun")
			produce(t, c, "credit", "begun")
			killed := copied(t, dir)
			if end.marker {
				if err := c.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
					t.Fatal(err)
				}
				copyPartition(t, dir, killed, "debit-0")
			}

			again := start(t, devbroker.Config{DataDir: killed})
			transact(t, again.Addr(), "credit", "next", kgo.TryCommit)
			last := start(t, devbroker.Config{DataDir: copied(t, killed)})
			reader := client(t, last.Addr(), kgo.ConsumeTopics("credit"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
				kgo.FetchIsolationLevel(kgo.ReadCommitted()))
			if diff := cmp.Diff(end.want, consume(t, reader, len(end.want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func copyPartition(t *testing.T, from, to, partition string) {
	t.Helper()
	folder := filepath.Join("partitions", partition)
	if err := os.RemoveAll(filepath.Join(to, folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(from, folder))); err != nil {
		t.Fatal(err)
	}
}
