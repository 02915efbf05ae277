package cli_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// variables are what a command needs to find the world.
func (w world) variables() []string {
	return []string{"SISKIN_BROKERS=" + strings.Join(w.cfg.Brokers, ","), "SISKIN_TOPICS=create"}
}

func TestSignalsEndACall(t *testing.T) {
	t.Parallel()
	for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := start(t, "siskin", w.variables(), "call", w.topics["silent"], "1")
			w.awaitRecord(t, w.topics["silent"])
			p.signal(s)
			p.exits(code)
			if p.stdout.all() != "" || p.stderr.all() != "" {
				t.Errorf("it said %q and %q, want nothing", p.stdout.all(), p.stderr.all())
			}
		})
	}
}

// awaitRecord returns when topic has a record.
func (w world) awaitRecord(t *testing.T, topic string) {
	t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	if kafka.PollFetches(t.Context()).NumRecords() == 0 {
		t.Fatalf("no record came to %s", topic)
	}
}

// What is emitted after the line that says so is seen, at once and in order.
func TestTailFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topics["silent"]
	p := start(t, "siskin", w.variables(), "tail", topic)
	p.stderr.line(t, "reading "+topic)
	for _, value := range []string{"1", "2"} {
		start(t, "siskin", w.variables(), "emit", topic, value).exits(0)
	}
	p.stdout.line(t, "/0@0 1")
	p.stdout.line(t, "/0@1 2")
	p.signal(syscall.SIGINT)
	p.exits(130)
}

// A reader that has seen enough, such as head, ends a command quietly.
func TestBrokenPipe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	topic := w.topics["silent"]
	start(t, "siskin", w.variables(), "emit", topic, "1").exits(0)
	for range 5 { // together more than a pipe holds
		start(t, "siskin", w.variables(), "emit", topic, "--raw", strings.Repeat("x", 100_000)).exits(0)
	}
	p := start(t, "sh", w.variables(), "-c", "siskin tail --until-end "+topic+" | head -n 1")
	p.exits(0)
	if !strings.HasSuffix(p.stdout.all(), "@0 1\n") || p.stderr.all() != "" {
		t.Errorf("stdout %q, stderr %q", p.stdout.all(), p.stderr.all())
	}
}
