package interop_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// durableRecords is how many records each client writes and reads.
const durableRecords = 100

// foreign is a client of another language, as a command.
type foreign struct {
	name       string
	dir        string
	command    func(t *testing.T) []string
	idempotent bool // its producer never stores a record twice
}

var foreigners = []foreign{
	{name: "Java", dir: "java", command: javaPeer, idempotent: true},
	{name: "kafkajs", dir: "nest", command: func(*testing.T) []string { return []string{"node", "durable.js"} }},
}

func javaPeer(t *testing.T) []string {
	t.Helper()
	jars := exec.Command("../scripts/kafka", "jars")
	jars.Stderr = os.Stderr
	out, err := jars.Output()
	if err != nil {
		t.Fatalf("scripts/kafka jars: %v", err)
	}
	return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(strings.TrimSpace(string(out)), "*"), "Peer.java"}
}

// Clients of other languages go on when "siskin broker --data-dir" is killed and
// started again, and lose nothing. The broker is the test's own, whatever the
// others run on; package proof kills the real one.
func TestForeignClientsOutliveAKill(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "siskin.exe")
	build := exec.Command("go", "build", "-o", binary, "./cmd/siskin")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range foreigners {
		t.Run(f.name, func(t *testing.T) { outlivesAKill(t, binary, f) })
	}
}

func outlivesAKill(t *testing.T, binary string, f foreign) {
	command := append(f.command(t), "")
	run := func(mode string, more ...string) *durable {
		args := append(command[:len(command)-1:len(command)-1], mode)
		return startDurable(t, f.dir, append(args, more...)...)
	}
	addr := unusedAddr(t)
	broker := []string{binary, "broker", "--listen", addr, "--data-dir", t.TempDir()}
	start := func() *durable {
		b := startDurable(t, ".", broker...)
		b.await(t, addr, 1)
		return b
	}
	const topic, group = "durable", "readers"
	count := fmt.Sprint(durableRecords)

	b := start()
	producer := run("produce", addr, topic, count)
	producer.await(t, "acked", 1)
	consumer := run("consume", addr, topic, count, group)
	consumer.await(t, "committed", 2)
	producer.await(t, "acked", 10)
	b.kill()
	b = start()
	producer.ends(t)
	consumer.ends(t)

	for range 2 { // as it is, and after one more kill
		checkDurable(t, addr, topic, group, f.idempotent, producer.words("acked"), consumer.words("read"))
		b.kill()
		b = start()
	}
}

// checkDurable checks that what was acknowledged and committed is there.
func checkDurable(t *testing.T, addr, topic, group string, idempotent bool, acked, read [][]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	var stored []string
	for int64(len(stored)) < end.Offset {
		fetches := c.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(stored), end.Offset, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { stored = append(stored, fmt.Sprintf("%d %s", r.Offset, r.Value)) })
	}
	if len(acked) != durableRecords || idempotent && len(stored) != durableRecords {
		t.Errorf("%d acknowledged, %d stored, want %d", len(acked), len(stored), durableRecords)
	}
	for _, words := range append(acked, read...) {
		var offset int
		if _, err := fmt.Sscan(words[1], &offset); err != nil || offset >= len(stored) {
			t.Errorf("%v: no such record (%v)", words, err)
			continue
		}
		if diff := cmp.Diff(strings.Join(words[1:], " "), stored[offset]); diff != "" {
			t.Error(diff)
		}
	}
	offsets, err := kadm.NewClient(c).FetchOffsets(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	if at, _ := offsets.Lookup(topic, 0); at.At < durableRecords {
		t.Errorf("committed %d, want at least %d", at.At, durableRecords)
	}
}

func unusedAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // nobody has connected
	return ln.Addr().String()
}

// durable is a process whose lines on stdout are kept.
type durable struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	once   sync.Once
	err    error
	done   chan struct{} // closed when stdout has ended

	mu    sync.Mutex
	lines [][]string
	more  chan struct{} // closed and replaced at each line
}

func startDurable(t *testing.T, dir string, command ...string) *durable {
	t.Helper()
	d := &durable{cmd: exec.Command(command[0], command[1:]...), done: make(chan struct{}), more: make(chan struct{})}
	d.cmd.Dir, d.cmd.Stderr = dir, &d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(stdout)
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(command, " "), d.stderr.String())
		}
	})
	return d
}

func (d *durable) read(stdout io.Reader) {
	defer close(d.done)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		d.mu.Lock()
		d.lines = append(d.lines, strings.Fields(lines.Text()))
		close(d.more)
		d.more = make(chan struct{})
		d.mu.Unlock()
	}
}

// words are the lines so far that begin with a word.
func (d *durable) words(first string) [][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found [][]string
	for _, words := range d.lines {
		if len(words) > 0 && words[0] == first {
			found = append(found, words)
		}
	}
	return found
}

// await waits for n lines that begin with a word.
func (d *durable) await(t *testing.T, first string, n int) {
	t.Helper()
	late := time.After(startPatience)
	for {
		d.mu.Lock()
		more := d.more
		d.mu.Unlock()
		if len(d.words(first)) >= n {
			return
		}
		select {
		case <-more:
		case <-d.done:
			t.Fatalf("the process ended, with %d lines of %q", len(d.words(first)), first)
		case <-late:
			t.Fatalf("%d lines of %q in %v", len(d.words(first)), first, startPatience)
		}
	}
}

// ends waits for an orderly end.
func (d *durable) ends(t *testing.T) {
	t.Helper()
	select {
	case <-d.done:
	case <-time.After(startPatience):
		t.Fatalf("no end in %v", startPatience)
	}
	if d.wait() != nil {
		t.Fatalf("%v\n%s", d.err, d.stderr.String())
	}
}

func (d *durable) wait() error {
	d.once.Do(func() {
		<-d.done
		d.err = d.cmd.Wait()
	})
	return d.err
}

func (d *durable) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	_ = d.wait()
}
