package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "orders"

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// bench is a broker with one partition and a client with the bounds of this package.
type bench struct {
	*kfake.Cluster
	client *kgo.Client
}

func newBench(t *testing.T, more ...kgo.Opt) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	opts := append(fetch.Options(decompressor(t, fetch.MaxBatchMemory, fetch.MaxPollMemory)),
		kgo.SeedBrokers(c.ListenAddrs()...))
	client, err := kgo.NewClient(append(opts, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bench{c, client}
}

// store writes batches and returns the offset of the last one.
func (b *bench) store(t *testing.T, batches ...hostile.Batch) (last int64) {
	t.Helper()
	for _, batch := range batches {
		offset, err := hostile.Store(testContext(t), b.client, topic, 0, batch.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		last = offset
	}
	return last
}

func (b *bench) look(t *testing.T, at int64) (fetch.Batch, error) {
	t.Helper()
	return fetch.Unreadable(testContext(t), b.client, topic, 0, at)
}

func TestUnreadableBatchesAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range append(hostile.Unreadable(), hostile.Case{Name: "bomb of bytes", Batch: hostile.Bomb(100)}) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.store(t, of(2, 10, 0), c.Batch)
			b.store(t, of(1, 10, 0))
			if _, err := b.look(t, 0); !errors.Is(err, fetch.ErrReadable) {
				t.Errorf("from the start: %v, want %v", err, fetch.ErrReadable)
			}
			got, err := b.look(t, first)
			if err != nil {
				t.Fatal(err)
			}
			next := first + int64(c.Count)
			if got.First != first || got.Next != next || got.Err == nil {
				t.Errorf("found %d to %d, %v; want %d to %d and an error", got.First, got.Next, got.Err, first, next)
			}
			// The raw bytes are all that is there, but for what the broker writes:
			// the offset and the epoch.
			if raw := c.Bytes(); len(got.Raw) != len(raw) || !bytes.Equal(got.Raw[16:], raw[16:]) {
				t.Errorf("the raw bytes are %d, want %d as they were written", len(got.Raw), len(raw))
			}
			if _, err := b.look(t, next); !errors.Is(err, fetch.ErrReadable) {
				t.Errorf("behind it: %v, want %v", err, fetch.ErrReadable)
			}
		})
	}
}

func TestLookingIntoTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store(t, hostile.Batch{Codec: 4, Count: 10, Records: []byte("noise")})
	got, err := b.look(t, 4)
	if err != nil || got.First != 4 || got.Next != 10 {
		t.Errorf("found %d to %d, %v; want 4 to 10", got.First, got.Next, err)
	}
}

// Records whose bytes mean nothing give no error at all.
func TestRecordsThatCannotBeParsed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store(t, hostile.Batch{Count: 4, Records: bytes.Repeat([]byte{0xff}, 40)})
	got, err := b.look(t, 0)
	if err != nil || got.First != 0 || got.Next != 4 || got.Err == nil {
		t.Errorf("found %d to %d, %v, %v; want 0 to 4", got.First, got.Next, got.Err, err)
	}
}

// What a transaction left behind is passed over on the way.
func TestUnreadableBehindAnAbortedTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t, kgo.TransactionalID("tx"), kgo.DefaultProduceTopic(topic))
	ctx := testContext(t)
	if err := b.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := b.client.ProduceSync(ctx, kgo.StringRecord("never seen")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := b.client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	first := b.store(t, hostile.Batch{Codec: 1, Count: 1, Records: []byte("noise")})
	got, err := b.look(t, 0)
	if err != nil || got.First != first || got.Next != first+1 || first < 2 {
		t.Errorf("found %d to %d, %v; want %d", got.First, got.Next, err, first)
	}
}

func TestNothingToLookAt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.look(t, 0); !errors.Is(err, fetch.ErrReadable) {
		t.Errorf("an empty partition: %v, want %v", err, fetch.ErrReadable)
	}
	if _, err := b.look(t, 7); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Errorf("behind the end: %v, want %v", err, kerr.OffsetOutOfRange)
	}
	if _, err := kadm.NewClient(b.client).DeleteTopics(testContext(t), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := b.look(t, 0); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("a topic that is gone: %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		context.Canceled, context.DeadlineExceeded, kgo.ErrClientClosed, kerr.TopicAuthorizationFailed, fetch.ErrLater,
		&kgo.ErrDataLoss{},
	} {
		if fetch.Damaged(err) {
			t.Errorf("%v counts as damage", err)
		}
	}
	for _, err := range []error{errors.New("unable to decompress batch"), &kgo.ErrDecompressTooLarge{}} {
		if !fetch.Damaged(err) {
			t.Errorf("%v does not count as damage", err)
		}
	}
}
