package intake_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// beyond is a batch of one record that says it is 24 offsets behind its place.
func beyond() hostile.Batch {
	return hostile.Batch{Count: 1, Records: []byte("\x10\x00\x000\x01\x04{}\x00"), FirstTimestamp: time.Now().UnixMilli()}
}

// What a log has after it was shortened is new, although the offsets are not.
func TestLogThatIsShorterThanWhatWasRead(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	d := newDiary()
	m := join(t, b, handler(d.write))
	m.ready(t)
	asked := make(chan struct{})
	b.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.FetchOffset == 25 { // what tells the client of the loss comes behind the commit
					b.SleepControl(func() { <-asked })
				}
			}
		}
		return nil, nil, false
	})
	b.store(t, 0, beyond())
	d.await(t, 1)
	b.commits.await(t, 0, 25)
	close(asked)
	lost := await(t, m.recorder, 1, always[events.OffsetsLost])
	if lost.Offset != 25 || lost.Nearest != 1 {
		t.Errorf("lost %+v, want 25 and 1", lost)
	}
	b.produce(t, 0, 0, 2)
	d.await(t, 3)
	b.committedIs(t, 0, 3)
	if diff := cmp.Diff(map[int32][]int64{0: {24, 1, 2}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
}

// Handlers of what the log has lost end, and a partition that was paused for them
// is read on.
func TestLogThatIsShortenedWhileItsPartitionIsPaused(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	var open atomic.Bool
	causes := make(chan error, 100)
	d := newDiary()
	m := join(t, b, queueLimit(1), handler(func(ctx context.Context, i intake.Item) {
		if open.Load() {
			d.write(ctx, i)
			return
		}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		i.Leave()
	}))
	m.ready(t)
	b.store(t, 0, beyond())
	await(t, m.recorder, 1, always[events.OffsetsLost])
	if err := <-causes; !errors.Is(err, intake.ErrLost) {
		t.Errorf("the handler ended with %v, want %v", err, intake.ErrLost)
	}
	open.Store(true)
	b.produce(t, 0, 0, 3)
	d.await(t, 3)
	b.committedIs(t, 0, 4)
	m.stop()
}

// A partition that is given up while its log is shortened has no new generation.
func TestLogThatIsShortenedWhileItsPartitionIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	held := make(chan intake.Item, 10)
	m := join(t, b, handler(func(_ context.Context, i intake.Item) { held <- i }))
	m.ready(t)
	late := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: -1,
	})
	b.store(t, 0, beyond())
	item := <-held
	ended := make(chan bool)
	go func() { ended <- m.stop() }()
	late.Remove()
	item.Done()
	if !<-ended {
		t.Error("the member was not drained")
	}
	if n := len(m.in.Info().Partitions); n != 0 {
		t.Errorf("%d partitions are left", n)
	}
}

// A broker that does not know what the last one had makes the Kafka client go back,
// also over batches that were skipped. The log is as long as it was.
func TestLogThatOnlySeemsShorter(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	d := newDiary()
	m := join(t, b, handler(d.write))
	m.ready(t)
	b.produce(t, 0, 0, 3)
	b.store(t, 0, noise(2))
	b.produce(t, 0, 3, 1)
	d.await(t, 4)
	node, _, err := b.AddNode(-1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.MoveTopicPartition(topic, 0, node); err != nil {
		t.Fatal(err)
	}
	await(t, m.recorder, 1, func(e events.FetchFailed) bool {
		_, lost := errors.AsType[*kgo.ErrDataLoss](e.Err)
		return lost
	})
	for n := range 3 {
		b.produce(t, 0, 4+n, 1)
		d.await(t, 5+n)
	}
	b.committedIs(t, 0, 9)
	if diff := cmp.Diff(map[int32][]int64{0: {0, 1, 2, 5, 6, 7, 8}}, d.served); diff != "" {
		t.Errorf("offsets served (-want +got):\n%s", diff)
	}
	if n := len(all[events.OffsetsLost](m.recorder)); n != 0 {
		t.Errorf("%d losses were told, want none", n)
	}
	if n := len(all[events.RecordsSkipped](m.recorder)); n != 1 {
		t.Errorf("%d batches were skipped, want 1", n)
	}
}
