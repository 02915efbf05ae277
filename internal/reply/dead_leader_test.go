package reply_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin/internal/reply"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deadBroker leads the first three partitions of the reply topic in the tests
// below; two others lead the rest.
const deadBroker = 0

var (
	deadPartitions = []int32{0, 1, 2}
	livePartitions = []int32{3, 4}
)

// blackHole never answers a produce request.
func blackHole(t *testing.T, b *bench) {
	free := make(chan struct{})
	t.Cleanup(func() { close(free) })
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if b.cluster.CurrentNode() == deadBroker {
			b.sleep(free)
		}
		return nil, nil, false
	})
}

// notLeader answers for ever that another broker leads.
func notLeader(_ *testing.T, b *bench) {
	b.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Nodes: []int32{deadBroker}, Err: kerr.NotLeaderForPartition, Count: -1,
	})
}

// One broker leads three partitions and is dead. As many replies go there as a
// service can make, several times what the Kafka client buffers in all, and
// meanwhile the replies to partitions of other brokers are stored.
func TestDeadLeaderSlowsNoOtherDestination(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		kill func(*testing.T, *bench)
	}{
		{"it answers nothing", blackHole},
		{"it says that another leads", notLeader},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setupBrokers(t, 3, int32(len(deadPartitions)+len(livePartitions)))
			for _, p := range deadPartitions {
				b.lead(t, p, deadBroker)
			}
			for i, p := range livePartitions {
				b.lead(t, p, deadBroker+1+int32(i))
			}
			tt.kill(t, b)
			full := b.swamp(t, 20_000)
			for _, p := range livePartitions {
				landed := make(chan error, 1_000)
				for range cap(landed) {
					b.answer(t, to(p), "6", func(err error) { landed <- err })
				}
				for range cap(landed) {
					if err := receive(t, landed); err != nil {
						t.Fatalf("a reply to a partition whose leader lives: %v", err)
					}
				}
				if n := len(b.stored(t, p)); n != cap(landed) {
					t.Errorf("%d records on partition %d, want %d", n, p, cap(landed))
				}
			}
			if full.Load() == 0 {
				t.Error("no reply to the dead leader was refused, so this shows nothing")
			}
		})
	}
}

// swamp sends n replies to each dead partition and returns how many of them
// were refused for want of room.
func (b *bench) swamp(t *testing.T, n int) *atomic.Int64 {
	t.Helper()
	full := new(atomic.Int64)
	for range n {
		for _, p := range deadPartitions {
			b.answer(t, to(p), "lost", func(err error) {
				if errors.Is(err, reply.ErrDestinationFull) {
					full.Add(1)
				}
			})
		}
	}
	return full
}

// lead makes broker the leader of a partition of the reply topic.
func (b *bench) lead(t *testing.T, partition, broker int32) {
	t.Helper()
	if err := b.cluster.MoveTopicPartition(replyTopic, partition, broker); err != nil {
		t.Fatal(fmt.Errorf("move partition %d to broker %d: %w", partition, broker, err))
	}
}
