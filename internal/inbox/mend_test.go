package inbox_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *bench) store(t *testing.T, topic string, partition int32, batch hostile.Batch) {
	t.Helper()
	if _, err := hostile.Store(testContext(t), b.client, topic, partition, batch.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// skipped are the events about records that were skipped. The caller holds the lock.
func (b *bench) skipped() (all []events.RecordsSkipped) {
	for _, e := range b.others {
		if s, ok := e.(events.RecordsSkipped); ok {
			all = append(all, s)
		}
	}
	return all
}

func TestUnreadableRepliesAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Unreadable() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, 1, []string{"sum.reply"})
			b.route(t, "sum.reply")
			b.store(t, "sum.reply", 0, c.Batch)
			b.reply(t, "sum.reply", 0, "one")
			b.wantDelivered(t, "one")
			b.store(t, "sum.reply", 0, c.Batch)
			b.reply(t, "sum.reply", 0, "two")
			b.wantDelivered(t, "one", "two")
			b.await(t, "the events", func() bool { return len(b.skipped()) == 2 })
			next := 2*int64(c.Count) + 1
			if s := b.skipped()[1]; s.Topic != "sum.reply" || s.Next != next || s.Offset != next-int64(c.Count) || s.Err == nil {
				t.Errorf("skipped %+v, want up to %d", s, next)
			}
		})
	}
}

// The replies on other partitions come meanwhile, also when the broker does not let
// anybody look.
func TestARouteThatCannotBeMendedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply", "max.reply"})
	var open atomic.Bool
	b.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		resp := r.ResponseKind().(*kmsg.FetchResponse)
		resp.ErrorCode = kerr.KafkaStorageError.Code
		return resp, nil, r.(*kmsg.FetchRequest).MaxWaitMillis == 0 && !open.Load()
	})
	b.route(t, "sum.reply")
	b.route(t, "max.reply")
	b.store(t, "sum.reply", 0, hostile.Batch{Codec: 2, Count: 3, Records: []byte("noise")})
	b.reply(t, "sum.reply", 0, "sum")
	b.await(t, "the failure", func() bool {
		for _, e := range b.others {
			if f, ok := e.(events.FetchFailed); ok && errors.Is(f.Err, kerr.KafkaStorageError) {
				return true
			}
		}
		return false
	})
	b.reply(t, "max.reply", 0, "max")
	b.wantDelivered(t, "max")
	open.Store(true)
	b.wantDelivered(t, "max", "sum")
}

// A route that comes back to a partition which is still read keeps its place there.
func TestARouteThatComesBackIsMended(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"sum.reply"})
	first := b.route(t, "sum.reply")
	leave := func() *int32 {
		r := b.route(t, "sum.reply")
		for range 3 {
			b.TimedOut(r)
		}
		next := b.route(t, "sum.reply")
		return &next.Partition
	}
	for *leave() != first.Partition { // goes to the other one, and back
	}
	b.store(t, "sum.reply", first.Partition, hostile.Batch{Codec: 3, Count: 1, Records: []byte("noise")})
	b.reply(t, "sum.reply", first.Partition, "one")
	b.wantDelivered(t, "one")
}

// Replies whose compression kgo knows are read, whoever wrote them.
func TestCompressedReplies(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	b.route(t, "sum.reply")
	var want []string
	for codec := int16(1); codec <= 4; codec++ {
		value := string(rune('0' + codec))
		b.store(t, "sum.reply", 0, hostile.Plain(&kgo.Record{Value: []byte(value)}).Compressed(codec))
		want = append(want, value)
	}
	b.wantDelivered(t, want...)
}
