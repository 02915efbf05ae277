package letter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/letter"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What Siskin writes for a record that is too large is known for what it is, by a
// letter that Siskin has written.
func TestPointer(t *testing.T) {
	t.Parallel()
	const limit = 20_000
	brokers, orders := siskintest.Brokers(t), siskintest.Name("orders")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := kadm.NewClient(admin).CreateTopic(ctx, 1, -1, nil, deadletter.Topic(orders)); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ProducerBatchMaxBytes(limit), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{deadletter.Topic(orders): {0: kgo.NewOffset().AtStart()}}), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	letters := deadletter.NewPublisher(client, "shop", exists)
	for _, size := range []int{3 * limit, 1} {
		rec := &kgo.Record{Topic: orders, Partition: 3, Offset: 7, Value: make([]byte, size)}
		if err := letters.Publish(ctx, rec, deadletter.Failure{Cause: errors.New("no stock")}, func(error) {}); err != nil {
			t.Fatal(err)
		}
		records := client.PollRecords(ctx, 1).Records()
		if len(records) == 0 {
			t.Fatalf("no letter came: %v", ctx.Err())
		}
		l := letter.Read(records[0])
		if (l.Other() == "pointer") != (size > limit) || l.Origin() != orders+"/3@7" {
			t.Errorf("the letter of a record of %d bytes is a %q, to %s", size, l.Other(), l.Origin())
		}
	}
}

// exists says that a dead-letter topic is there.
func exists[T any](context.Context, T) error { return nil }
