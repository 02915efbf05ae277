package devbroker_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// tornFolder is a folder as a kill leaves it, with the values in it and the
// offset committed, with and without the last entry of each file.
func tornFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	b := start(t, devbroker.Config{DataDir: dir})
	c := client(t, b.Addr())
	produce(t, c, "orders", "one", "two")
	consumeGroup(t, b.Addr(), "shop", "orders", 1)
	consumeGroup(t, b.Addr(), "shop", "orders", 1)
	return copied(t, dir)
}

// cutAt copies a folder and cuts one of its files.
func cutAt(t *testing.T, dir, file string, size int) string {
	t.Helper()
	torn := copied(t, dir)
	if err := os.Truncate(filepath.Join(torn, file), int64(size)); err != nil {
		t.Fatal(err)
	}
	return torn
}

// sizes are those that a file has when its last entry, which begins at from,
// is written byte by byte.
func sizes(t *testing.T, path string, from int) []int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for size := from; size <= int(info.Size()); size++ {
		all = append(all, size)
	}
	return all
}

const (
	ordersSegment = "partitions/orders-0/0.dat"
	ordersIndex   = "partitions/orders-0/0.idx"
)

func TestTornSegment(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	raw, err := os.ReadFile(filepath.Join(dir, ordersSegment))
	if err != nil {
		t.Fatal(err)
	}
	second := 12 + int(binary.BigEndian.Uint32(raw[8:]))
	for _, size := range sizes(t, filepath.Join(dir, ordersSegment), second) {
		want := []string{"one", "two", "new"}
		if size < len(raw) {
			want = []string{"one", "new"}
		}
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			torn := cutAt(t, dir, ordersSegment, size)
			b := start(t, devbroker.Config{DataDir: torn})
			produce(t, client(t, b.Addr()), "orders", "new")
			checkOrders(t, b, want)
			checkOrders(t, start(t, devbroker.Config{DataDir: copied(t, torn)}), want)
		})
	}
}

func checkOrders(t *testing.T, b *devbroker.Broker, want []string) {
	t.Helper()
	if end := endOffset(t, b.Addr(), "orders"); end != int64(len(want)) {
		t.Fatalf("end %d, want %d", end, len(want))
	}
	if diff := cmp.Diff(want, readAll(t, b.Addr(), "orders", len(want))); diff != "" {
		t.Error(diff)
	}
}

// The index is written behind the segment. What it says of transactional
// batches must stay with them.
func TestTornIndex(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	for _, size := range sizes(t, filepath.Join(dir, ordersIndex), 0) {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			torn := cutAt(t, dir, ordersIndex, size)
			b := start(t, devbroker.Config{DataDir: torn})
			transact(t, b.Addr(), "orders", "aborted", kgo.TryAbort)
			transact(t, b.Addr(), "orders", "committed", kgo.TryCommit)
			crashed := start(t, devbroker.Config{DataDir: copied(t, torn)})
			c := client(t, crashed.Addr(), kgo.ConsumeTopics("orders"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
				kgo.FetchIsolationLevel(kgo.ReadCommitted()))
			if diff := cmp.Diff([]string{"one", "two", "committed"}, consume(t, c, 3)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// transact writes a record in a transaction.
func transact(t *testing.T, addr, topic, value string, end kgo.TransactionEndTry) {
	t.Helper()
	c := client(t, addr, kgo.TransactionalID("bank"))
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, topic, value)
	if err := c.EndTransaction(testContext(t), end); err != nil {
		t.Fatal(err)
	}
}

func TestTornLogs(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	for _, file := range []string{"groups.log", "pids.log"} {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		last := lastEntry(raw)
		commit := strings.LastIndex(string(raw), `"type":"commit"`) >= last
		for _, size := range sizes(t, filepath.Join(dir, file), last) {
			want := int64(2)
			if commit && size < len(raw) {
				want = 1
			}
			t.Run(file+"/"+strconv.Itoa(size), func(t *testing.T) {
				torn := cutAt(t, dir, file, size)
				checkCommitted(t, torn, want)
			})
		}
	}
}

// checkCommitted checks the committed offset of a folder, and that commits
// after the repair are kept.
func checkCommitted(t *testing.T, dir string, want int64) {
	t.Helper()
	b := start(t, devbroker.Config{DataDir: dir})
	if got := committed(t, b.Addr(), "shop", "orders"); got != want {
		t.Errorf("committed %d, want %d", got, want)
	}
	commitOffset(t, b.Addr(), 3)
	produce(t, client(t, b.Addr()), "orders", "new") // with a new producer id
	again := start(t, devbroker.Config{DataDir: copied(t, dir)})
	if got := committed(t, again.Addr(), "shop", "orders"); got != 3 {
		t.Errorf("committed %d after a second crash, want 3", got)
	}
}

// lastEntry is where the last entry of a log begins.
func lastEntry(raw []byte) int {
	last := 0
	for at := 0; at < len(raw); at += 8 + int(binary.LittleEndian.Uint32(raw[at:])) {
		last = at
	}
	return last
}

func commitOffset(t *testing.T, addr string, offset int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.AddOffset("orders", 0, offset, -1)
	if err := kadm.NewClient(client(t, addr)).CommitAllOffsets(testContext(t), "shop", offsets); err != nil {
		t.Fatal(err)
	}
}

// An entry that was torn by an earlier kill, with whole ones behind it.
func TestEntriesBehindATornOneAreKept(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	path := filepath.Join(dir, "groups.log")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := lastEntry(raw)
	if err := os.WriteFile(path, slices.Concat(raw[:last], raw[:7], raw[last:]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := committed(t, start(t, devbroker.Config{DataDir: dir}).Addr(), "shop", "orders"); got != 2 {
		t.Errorf("committed %d, want 2", got)
	}
}

// Damage that no kill does is an error that names the file, and nothing is
// removed.
func TestDamageIsNotCutOff(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	path := filepath.Join(dir, ordersSegment)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[70] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "cut it to 0 bytes") {
		t.Errorf("error %v does not name %s and the next step", err, path)
	}
	after, err := os.ReadFile(path)
	if err != nil || !slices.Equal(after, raw) {
		t.Errorf("the damaged file was changed: %v", err)
	}
}

func TestMissingMetaIsNotANewFolder(t *testing.T) {
	t.Parallel()
	dir := tornFolder(t)
	if err := os.Remove(filepath.Join(dir, "meta.json")); err != nil {
		t.Fatal(err)
	}
	_, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "meta.json is missing") {
		t.Errorf("error %v does not name the missing file", err)
	}
}
