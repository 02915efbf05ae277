package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var errStock = errors.New("no stock")

// Spring's rule: the partition of the record where the topic has it, and else where
// the key leads.
func TestLetterGoesToThePartitionOfItsRecord(t *testing.T) {
	t.Parallel()
	const partitions = 3 // of orders-dlt
	byKey := kgo.StickyKeyPartitioner(nil).ForTopic("orders-dlt").Partition(&kgo.Record{Key: []byte("k")}, partitions)
	for _, tt := range []struct {
		from, want int32
	}{{0, 0}, {1, 1}, {2, 2}, {3, int32(byKey)}, {258, int32(byKey)}} {
		t.Run(fmt.Sprint(tt.from), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			rec := failure()
			rec.Partition = tt.from
			if got := b.publish(t, rec, errStock); got.Partition != tt.want {
				t.Errorf("partition %d, want %d", got.Partition, tt.want)
			}
			if len(b.failed) != 0 {
				t.Errorf("told of the failures %v", b.failed)
			}
		})
	}
}

// One without a key and without its partition goes anywhere.
func TestLetterWithoutAKeyAndItsPartition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := b.publish(t, &kgo.Record{Topic: "orders", Partition: 7, Value: []byte("x")}, errStock); string(got.Value) != "x" {
		t.Errorf("stored %q", got.Value)
	}
}

// The Kafka client remembers partitions of a topic that was made anew with fewer.
func TestPartitionThatIsGoneHoldsUpNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin := kadm.NewClient(b.client)
	p := deadletter.NewPublisher(b.client, "shop", func(ctx context.Context, topics deadletter.Topics) error {
		_, err := admin.CreateTopic(ctx, 1, 1, nil, topics.Letters)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return nil
		}
		return err
	})
	rec := failure()
	rec.Partition = 2
	for _, want := range []int32{2, 0} {
		if err := p.Publish(testContext(t), rec, deadletter.Failure{Cause: errStock}, b.failing); err != nil {
			t.Fatal(err)
		}
		if got := b.read(t, 1)[0].Partition; got != want {
			t.Errorf("partition %d, want %d", got, want)
		}
		if _, err := admin.DeleteTopic(testContext(t), "orders-dlt"); err != nil {
			t.Fatal(err)
		}
	}
}
