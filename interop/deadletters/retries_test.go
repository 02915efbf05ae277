package deadletters_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// springRetries starts the service on Spring Kafka, which tries a record three times.
func springRetries(t *testing.T) (s *site, service *program, topic string) {
	t.Helper()
	plain, topic := siskintest.Name("plain"), siskintest.Name("retryable")
	s = newSite(t, plain, topic, topic+"-retry", topic+"-dlt")
	service = start(t, "../spring", spring(t, strings.Join(s.brokers, ","), plain, topic)...)
	service.await(t, "ready")
	return s, service, topic
}

// copies reads the first n records of a retry topic.
func (s *site) copies(t *testing.T, topic string, n int) (all []retry.Copy) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for len(all) < n {
		records := reader.PollRecords(ctx, n-len(all)).Records()
		if len(records) == 0 {
			t.Fatalf("%s has %d records, want %d", topic, len(all), n)
		}
		for _, rec := range records {
			all = append(all, retry.Read(rec, rec.Timestamp))
		}
	}
	return all
}

// checkCopy compares what a copy tells with the record that was sent. Its due time is
// Spring's delay after it failed.
func checkCopy(t *testing.T, c retry.Copy, sent *kgo.Record, attempt int) {
	t.Helper()
	got := fmt.Sprintf("%s/%d@%d of %d, %q %q, group %s, attempt %d, handlers %v", c.Record.Topic, c.Record.Partition,
		c.Record.Offset, c.Record.Timestamp.UnixMilli(), c.Record.Key, c.Record.Value, c.Group, c.Attempt, c.Handlers)
	want := fmt.Sprintf("%s/%d@%d of %d, %q %q, group %s, attempt %d, handlers []", sent.Topic, sent.Partition,
		sent.Offset, sent.Timestamp.UnixMilli(), sent.Key, sent.Value, sent.Topic+"-group", attempt)
	if got != want {
		t.Errorf("the copy tells\n%s, want\n%s", got, want)
	}
	if c.Due.IsZero() {
		t.Error("the copy has no due time")
	}
	if diff := cmp.Diff(sent.Headers, c.Record.Headers); diff != "" {
		t.Errorf("headers of the record (-sent +read):\n%s", diff)
	}
}

func TestSpringsRetriesAreRead(t *testing.T) {
	t.Parallel()
	s, _, topic := springRetries(t)
	before := time.Now().Truncate(time.Millisecond)
	sent := s.send(t, topic, "bad")
	for i, c := range s.copies(t, topic+"-retry", 2) {
		checkCopy(t, c, sent, i+2)
		if !c.Foreign || c.Owner != retry.NoOwner {
			t.Errorf("the copy is taken for one of Siskin's: %+v", c)
		}
		if first := before.Add(50 * time.Millisecond); c.Due.Before(first) {
			t.Errorf("it is due at %v, which is before %v", c.Due, first)
		}
	}
}

// What Siskin writes, Spring takes when it is due, and counts on.
func TestSpringTakesRetries(t *testing.T) {
	t.Parallel()
	s, service, topic := springRetries(t)
	rec := &kgo.Record{
		Topic: topic, Partition: 1, Offset: 7, Timestamp: time.UnixMilli(1_700_000_000_000), Key: []byte("k"), Value: []byte("bad"),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("t1")}},
	}
	n := retry.Note{
		Group: topic + "-group", Attempt: 2, Due: time.Now().Add(2 * time.Second), Owner: retry.NoOwner,
		Cause: fmt.Errorf("no stock: %w", context.DeadlineExceeded),
	}
	s.produce(t, n.Record(topic+"-retry", rec))

	if at := retried(t, service, topic, 2); at < n.Due.UnixMilli() {
		t.Errorf("Spring has tried it %d ms early", n.Due.UnixMilli()-at)
	}
	retried(t, service, topic, 3)
	copies := s.copies(t, topic+"-retry", 2)
	checkCopy(t, copies[0], rec, 2)
	checkCopy(t, copies[1], rec, 3)

	check(t, s.first(t, topic+"-dlt"), map[string]any{
		"dialect": "spring-retryable", "group": topic + "-group", "key": "k", "value": "bad", "attempts": 3.0,
		"original": map[string]any{
			"topic": topic, "partition": 1.0, "offset": 7.0, "timestamp": "2023-11-14T22:13:20.000Z",
		},
		"causeType": failure,
	})

	service.mend(t)
	s.siskin(t, "redrive", "--yes", topic+"-dlt")
	if got := service.await(t, "handled "+topic); got != `1 k bad siskin-redriven,siskin-redriven-from,trace` {
		t.Errorf("Spring has handled %q", got)
	}
}

// retried waits until Spring tries the record from the retry topic, and returns when.
func retried(t *testing.T, service *program, topic string, attempt int) (at int64) {
	t.Helper()
	var got int
	line := service.await(t, "retried "+topic+"-retry 1 k bad")
	if _, err := fmt.Sscanf(line, "%d %d", &got, &at); err != nil || got != attempt {
		t.Fatalf("Spring says %q, want attempt %d", line, attempt)
	}
	return at
}
