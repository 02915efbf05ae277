package fetch_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A reader whose fetches begin anew many times, one right after the other, goes on. Without
// Wake one of some hundred bursts leaves it asleep for ever.
func TestReadersThatBeginAnewGoOn(t *testing.T) {
	t.Parallel()
	const bursts, burst = 2_000, 8
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	newClient := func(opts ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	record := &kgo.Record{Topic: "orders", Value: []byte("{}")}
	if err := newClient().ProduceSync(ctx, record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	reader := newClient(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().At(0)}}))
	waking, stop := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() { fetch.Wake(waking, reader) })
	for n := range bursts {
		if reader.PollFetches(ctx).NumRecords() == 0 {
			t.Fatalf("the reader sleeps after %d bursts", n)
		}
		for range burst {
			reader.SetOffsets(map[string]map[int32]kgo.EpochOffset{"orders": {0: {Epoch: -1}}})
		}
	}
	stop()
	loop.Wait()
}
