package raw

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/devbroker"
)

// target is a broker with the topics of a pattern.
func target(t *testing.T, partitions int) side.Target {
	t.Helper()
	at := side.Target{Pattern: "sum", Op: side.Sum}
	b, err := devbroker.Start(devbroker.Config{
		Listen:     "127.0.0.1:0",
		Partitions: partitions,
		Topics:     []devbroker.Topic{{Name: at.Pattern}, {Name: at.ReplyTopic()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	at.Brokers = b.Addrs()
	return at
}

// Every call is answered, clients do not disturb each other, and what was
// answered is committed when the server ends.
func TestCallsAreAnsweredAndCommitted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	at := target(t, 2)
	srv, err := Side{}.Serve(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	const clients, callers, calls = 2, 8, 25
	for range clients {
		c, err := Side{}.Dial(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		for range callers {
			running.Go(func() {
				for range calls {
					if err := c.Call(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		running.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if got := committed(ctx, t, at); got != clients*callers*calls {
		t.Errorf("%d requests are committed, want %d", got, clients*callers*calls)
	}
}

// committed is how many requests the server's group has committed.
func committed(ctx context.Context, t *testing.T, at side.Target) int64 {
	t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(at.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	offsets, err := kadm.NewClient(kafka).FetchOffsets(ctx, at.Group())
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	offsets.Each(func(o kadm.OffsetResponse) { sum += max(o.At, 0) })
	return sum
}

func TestRepliesTo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value, topic, partition string
		want                          string // empty: no reply
	}{
		{"sum", "[1,2,3]", "sum.reply", "7", "6"},
		{"nothing to add", "[]", "sum.reply", "7", "0"},
		{"not JSON", "1,2", "sum.reply", "7", ""},
		{"foreign topic", "[1]", "__consumer_offsets", "7", ""},
		{"no topic", "[1]", "", "7", ""},
		{"no partition", "[1]", "sum.reply", "", ""},
		{"binary partition", "[1]", "sum.reply", "\x00\x00\x00\x07", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			replies, err := repliesTo(&kgo.Record{Value: []byte(tt.value), Headers: []kgo.RecordHeader{
				{Key: correlationID, Value: []byte("id")},
				{Key: replyTopic, Value: []byte(tt.topic)},
				{Key: replyPartition, Value: []byte(tt.partition)},
			}}, side.Sum)
			if tt.want == "" {
				if err == nil {
					t.Errorf("replied %+v", replies)
				}
				return
			}
			if err != nil || len(replies) != 1 {
				t.Fatalf("%d replies: %v", len(replies), err)
			}
			reply := replies[0]
			if string(reply.Value) != tt.want || reply.Topic != tt.topic || strconv.Itoa(int(reply.Partition)) != tt.partition ||
				string(header(reply, correlationID)) != "id" {
				t.Errorf("reply %+v", reply)
			}
		})
	}
}
