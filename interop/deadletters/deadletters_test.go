package deadletters_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// site is a broker with a siskin command.
type site struct {
	binary  string
	brokers []string
	client  *kgo.Client
}

func newSite(t *testing.T, topics ...string) *site {
	t.Helper()
	s := &site{binary: build(t, "../..", "./cmd/siskin"), brokers: siskintest.Brokers(t)}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.client = client
	if err := testtopics.Create(t.Context(), kadm.NewClient(client), 3, nil, topics...); err != nil {
		t.Fatal(err)
	}
	return s
}

// send writes a record with a header of its own, to partition 1.
func (s *site) send(t *testing.T, topic, value string) *kgo.Record {
	t.Helper()
	r := &kgo.Record{
		Topic: topic, Partition: 1, Key: []byte("k"), Value: []byte(value), Timestamp: time.UnixMilli(1_700_000_000_000),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("t1")}},
	}
	s.produce(t, r)
	return r
}

func (s *site) produce(t *testing.T, r *kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.client.ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// first waits for the first letter of topic, and returns it as siskin shows it.
func (s *site) first(t *testing.T, topic string) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	records := reader.PollRecords(ctx, 1).Records()
	if len(records) == 0 {
		t.Fatalf("no letter came to %s", topic)
	}
	r := records[0]
	var letter map[string]any
	if err := json.Unmarshal([]byte(s.siskin(t, "show", "--json", place(topic, r.Partition, r.Offset))), &letter); err != nil {
		t.Fatal(err)
	}
	return letter
}

// check compares some fields of a letter.
func check(t *testing.T, letter map[string]any, want map[string]any) {
	t.Helper()
	got := make(map[string]any)
	for name := range want {
		got[name] = letter[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what siskin has read (-want +got):\n%s", diff)
	}
}

const failure = "java.lang.IllegalStateException"

func TestSpring(t *testing.T) {
	t.Parallel()
	plain, retryable := siskintest.Name("plain"), siskintest.Name("retryable")
	s := newSite(t, plain, plain+"-dlt", retryable, retryable+"-retry", retryable+"-dlt")
	service := start(t, "../spring", spring(t, strings.Join(s.brokers, ","), plain, retryable)...)
	service.await(t, "ready")
	for _, topic := range []string{plain, retryable} {
		s.send(t, topic, `{"id":7}`)
	}
	common := func(topic, dialect string) map[string]any {
		return map[string]any{
			"dialect": dialect, "group": topic + "-group", "key": "k", "value": `{"id":7}`, "redrives": 0.0, "redriven": false,
			"original": map[string]any{
				"topic": topic, "partition": 1.0, "offset": 0.0, "timestamp": "2023-11-14T22:13:20.000Z",
			},
			"errorType": "org.springframework.kafka.listener.ListenerExecutionFailedException", "causeType": failure,
		}
	}
	letter := s.first(t, plain+"-dlt")
	check(t, letter, common(plain, "spring"))
	if text, _ := letter["error"].(string); !strings.Contains(text, `no stock for {"id":7}`) {
		t.Errorf("the error is %q", text)
	}
	if stack, _ := letter["stack"].(string); !strings.Contains(stack, "DeadLetters.java") {
		t.Errorf("the stack is %q", stack)
	}
	want := common(retryable, "spring-retryable")
	want["attempts"] = 3.0
	check(t, s.first(t, retryable+"-dlt"), want)

	service.mend(t)
	for _, topic := range []string{plain, retryable} {
		out := s.siskin(t, "redrive", "--yes", "--error", failure, topic+"-dlt")
		if want := "redriven " + place(topic+"-dlt", 1, 0) + " to " + topic + "/1\n"; out != want {
			t.Errorf("siskin said %q, want %q", out, want)
		}
		got := service.await(t, "handled "+topic)
		if got != `1 k {"id":7} siskin-redriven,siskin-redriven-from,trace` {
			t.Errorf("Spring has handled %q", got)
		}
	}
}

// Spring's letter of a record that siskin has put back keeps count.
func TestSpringFailsAgain(t *testing.T) {
	t.Parallel()
	plain, retryable := siskintest.Name("plain"), siskintest.Name("retryable")
	s := newSite(t, plain, plain+"-dlt", retryable, retryable+"-retry", retryable+"-dlt")
	service := start(t, "../spring", spring(t, strings.Join(s.brokers, ","), plain, retryable)...)
	service.await(t, "ready")
	for _, topic := range []string{plain, retryable} {
		s.send(t, topic, "bad")
		s.first(t, topic+"-dlt")
		s.siskin(t, "redrive", "--yes", topic+"-dlt")
		s.await(t, topic+"-dlt", 2)
		out := s.siskin(t, "redrive", "--yes", "--max-redrives", "1", topic+"-dlt")
		if !strings.HasPrefix(out, "left "+place(topic+"-dlt", 1, 1)+": it was put back already, times: 1") {
			t.Errorf("siskin said %q", out)
		}
	}
}

// await waits until topic has n letters.
func (s *site) await(t *testing.T, topic string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for found := 0; found < n; found += reader.PollFetches(ctx).NumRecords() {
		if ctx.Err() != nil {
			t.Fatalf("%s has %d letters, want %d", topic, found, n)
		}
	}
}

func TestWatermill(t *testing.T) {
	t.Parallel()
	topic, poison := siskintest.Name("topic"), siskintest.Name("poison")
	s := newSite(t, topic, poison)
	service := start(t, ".", build(t, "../watermill", "."), strings.Join(s.brokers, ","), topic, poison)
	service.await(t, "ready")
	s.send(t, topic, `{"id":7}`)
	letter := s.first(t, poison)
	check(t, letter, map[string]any{
		"dialect": "watermill", "handler": "reserve", "error": `no stock for {"id":7}`, "value": `{"id":7}`,
		"original": map[string]any{"topic": topic}, "redriven": false,
	})
	service.mend(t)
	out := s.siskin(t, "redrive", "--yes", "--handler", "reserve", poison)
	if !strings.HasPrefix(out, "redriven "+poison+"/") || !strings.Contains(out, " to "+topic+"/") {
		t.Errorf("siskin said %q", out)
	}
	names := strings.Split(strings.TrimPrefix(service.await(t, "handled"), `{"id":7} `), ",")
	if want := []string{"siskin-redriven", "siskin-redriven-from", "trace"}; !slices.Equal(names, want) {
		t.Errorf("Watermill has handled a message with %q, want %q", names, want)
	}
}
