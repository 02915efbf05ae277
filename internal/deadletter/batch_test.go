package deadletter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// damaged is a batch of orders/2 that cannot be read.
func damaged() *fetch.Batch {
	raw := hostile.Batch{Codec: 4, Count: 3, Records: []byte("noise"), FirstTimestamp: 0x19c_01020304}.Bytes()
	return &fetch.Batch{First: 7, Next: 10, Raw: raw, Err: errors.New("unknown codec")}
}

func TestLetterOfABatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	batch := damaged()
	if !b.PublishBatch(testContext(t), "orders", 2, batch, false, b.failing) {
		t.Fatal("the batch is not stored")
	}
	letter := b.read(t, 1)[0]
	if letter.Key != nil || !bytes.Equal(letter.Value, batch.Raw) || letter.Partition != 2 {
		t.Errorf("key %q, value %x, partition %d; want the batch as it was", letter.Key, letter.Value, letter.Partition)
	}
	want := []string{
		`siskin-dlt-content = "record-batch"`,
		`siskin-dlt-offsets = "3"`,
		`kafka_dlt-original-topic = "orders"`,
		`kafka_dlt-original-partition = "\x00\x00\x00\x02"`,
		`kafka_dlt-original-offset = "\x00\x00\x00\x00\x00\x00\x00\a"`,
		`kafka_dlt-original-timestamp = "\x00\x00\x01\x9c\x01\x02\x03\x04"`,
		`kafka_dlt-original-timestamp-type = "CreateTime"`,
		`kafka_dlt-original-consumer-group = "shop"`,
		`kafka_dlt-exception-fqcn = "errors.errorString"`,
		`kafka_dlt-exception-message = "a record batch of 3 offsets cannot be read: unknown codec"`,
	}
	if diff := cmp.Diff(want, lines(letter.Headers)); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if at := (events.Position{Topic: "orders-dlt", Partition: 2}); batch.Stored != at {
		t.Errorf("stored at %v, want %v", batch.Stored, at)
	}
}

// A batch as large as the topic takes has no room for a record around it.
func TestLetterOfABatchThatIsTooLarge(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	for name, batch := range map[string]*fetch.Batch{
		"too large":       {First: 7, Next: 10, Raw: make([]byte, 3*limit), Err: errStock},
		"no longer there": {First: 7, Next: 10, Err: errStock},
	} {
		b := setup(t, kgo.ProducerBatchMaxBytes(limit))
		if !b.PublishBatch(testContext(t), "orders", 2, batch, false, b.failing) {
			t.Fatal("the batch is not stored")
		}
		letter := b.read(t, 1)[0]
		content, _ := wire.Last(letter.Headers, wire.DeadContent)
		count, _ := wire.Last(letter.Headers, wire.DeadCount)
		topic, _ := wire.Last(letter.Headers, wire.DeadTopic)
		if letter.Value != nil || string(content) != wire.DeadPointer || string(count) != "3" || string(topic) != "orders" {
			t.Errorf("%s: %d bytes of value, headers %q", name, len(letter.Value), lines(letter.Headers))
		}
	}
}

// Where nobody has promised dead letters, what only a person can mend ends the
// attempt, and anything else is tried again.
func TestOptionalLetterDoesNotWaitForAPerson(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"no topic": topics.ErrMissing, "no right": kerr.TopicAuthorizationFailed, "a bad name": kerr.InvalidTopicException,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.refuse = []error{errAway, fmt.Errorf("ask: %w", refusal)}
			batch := damaged()
			if !b.PublishBatch(testContext(t), "orders", 2, batch, true, b.failing) {
				t.Error("the batch waits")
			}
			if batch.Stored.Topic != "" || !errors.Is(batch.Err, refusal) || !strings.Contains(batch.Err.Error(), "unknown codec") {
				t.Errorf("stored %v, error %v; want nothing and both reasons", batch.Stored, batch.Err)
			}
			if len(b.failed) != 1 || !errors.Is(b.failed[0], errAway) {
				t.Errorf("told of %v, want %v", b.failed, errAway)
			}
			want := deadletter.Topics{Letters: "orders-dlt", Source: "orders", Optional: true}
			if diff := cmp.Diff([]deadletter.Topics{want, want}, b.ensured); diff != "" {
				t.Errorf("topics ensured (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBatchWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.refuse = []error{topics.ErrMissing}
	batch := damaged()
	if !b.PublishBatch(testContext(t), "orders", 2, batch, false, b.failing) || batch.Stored.Topic != "orders-dlt" {
		t.Errorf("stored at %v", batch.Stored)
	}
	if len(b.failed) != 1 {
		t.Errorf("told of the failures %v, want one", b.failed)
	}
}

func TestBatchIsNotStoredForSomebodyElse(t *testing.T) {
	t.Parallel()
	for _, optional := range []bool{false, true} {
		b := setup(t)
		for range 1_000 {
			b.refuse = append(b.refuse, errAway)
		}
		ctx, cancel := context.WithCancel(t.Context())
		batch := damaged()
		if b.PublishBatch(ctx, "orders", 2, batch, optional, func(error) { cancel() }) || batch.Stored.Topic != "" {
			t.Errorf("optional %v: stored at %v, want it to be left", optional, batch.Stored)
		}
	}
	b := setup(t)
	b.client.Close()
	if b.PublishBatch(testContext(t), "orders", 2, damaged(), false, b.failing) {
		t.Error("a closed client has stored the batch")
	}
}
