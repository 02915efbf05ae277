package intake_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An owner asks where the source ends when its marker is stored, and not before:
// meanwhile an earlier owner can write copies of what is produced. The simulation
// cannot tell, since that takes too many things at one moment.
func TestTheEndIsAskedForBehindTheMarker(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	if _, err := b.admin.CreateTopic(testContext(t), 1, 1, nil, topic+"-retry"); err != nil {
		t.Fatal(err)
	}
	b.produce(t, 0, 0, 1)
	b.commit(t, 0, 0) // so the Kafka client asks for no end of its own
	var mu sync.Mutex
	var seen []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, what)
	}
	b.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if t := r.(*kmsg.ListOffsetsRequest).Topics[0]; t.Topic == topic && t.Partitions[0].Timestamp == -1 {
			note("the end")
		}
		return nil, nil, false
	})
	copies, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.RecordPartitioner(partitioner.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(copies.Close)
	out := retry.NewPublisher(copies, func(context.Context, string) error { return nil })
	m := join(t, b, config(func(c *intake.Config) {
		c.Lanes = func(string) (lane.Order, *lane.Places) { return lane.ByKey, nil }
		c.Retries = &intake.Retries{
			Topic: func(source string) (intake.RetryTopic, bool) {
				return intake.RetryTopic{Name: source + "-retry", KeepOrder: true}, true
			},
			Ensure: func(context.Context, string) error { return nil },
			Store: func(ctx context.Context, copied *kgo.Record, of events.Position) error {
				err := out.Store(ctx, copied, of.Topic, func(error) {})
				note("the marker")
				return err
			},
		}
	}))
	m.next(t).Done()
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"the end", "the marker", "the end"}, seen); diff != "" {
		t.Errorf("what the brokers were asked (-want +got):\n%s", diff)
	}
}
