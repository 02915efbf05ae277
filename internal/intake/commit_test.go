package intake_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestCommitWaitsForTheOldestRecord(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 3)
	m := join(t, b)
	b.commits.await(t, 0, 0) // where it starts
	records := m.take(t, 3)
	records[1].Done()
	records[2].Done()

	// A commit for the other partition carries along what is new in this one.
	b.produce(t, 1, 0, 1)
	m.next(t).Done()
	b.commits.await(t, 1, 1)
	if got := b.commits.list(0); !cmp.Equal(got, []int64{0}) {
		t.Fatalf("committed %v while the first record is unfinished, want 0 only", got)
	}

	records[0].Done()
	b.commits.await(t, 0, 3)
	if !m.stop() {
		t.Error("Run reports handlers that were cut off, but all were done")
	}
	if got := b.commits.list(0); !cmp.Equal(got, []int64{0, 3}) {
		t.Errorf("committed %v, want 0, 3", got)
	}
	if got := b.committed(t, 0); got != 3 {
		t.Errorf("the broker has stored %d, want 3", got)
	}
}

// A commit that the broker has confirmed is not sent again.
func TestCommitOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 1)
	m := join(t, b)
	first := m.next(t)
	b.commits.await(t, 0, 0) // where the group starts
	first.Done()
	b.commits.await(t, 0, 1)
	for i := range 5 {
		b.produce(t, 1, i, 1)
		m.next(t).Done()
		b.commits.await(t, 1, int64(i+1))
	}
	m.stop()
	b.commits.mu.Lock()
	defer b.commits.mu.Unlock()
	if got := b.commits.asked[0]; !cmp.Equal(got, []int64{0, 1}) {
		t.Errorf("commits asked for a partition at rest: %v, want 0, 1", got)
	}
}

func TestAbandonedRecordsAreDeliveredAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 1)
	b.produce(t, 0, 0, 5)
	first := join(t, b, drain(time.Millisecond))
	records := first.take(t, 5)
	for _, i := range []int{0, 1, 3} {
		records[i].Done()
	}
	if first.stop() {
		t.Error("Run reports that all handlers were done, but two were not")
	}
	if got := b.committed(t, 0); got != 2 {
		t.Errorf("committed offset %d, want 2: the first record that is not done", got)
	}

	second := join(t, b, drain(time.Millisecond))
	if got := offsets(second.take(t, 3)); !cmp.Equal(got, []int64{2, 3, 4}) {
		t.Errorf("records %v were delivered again, want 2, 3, 4", got)
	}
}

func TestCommitFails(t *testing.T) {
	t.Parallel()
	refuse := func(r kmsg.Request) *kmsg.OffsetCommitResponse {
		return refusedCommit(r.(*kmsg.OffsetCommitRequest), kerr.OffsetMetadataTooLarge)
	}
	b := newBroker(t, 2)
	b.produce(t, 0, 0, 1)
	var mu sync.Mutex
	refusals, refused := 3, make(chan struct{}, 10)
	b.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		b.KeepControl()
		if refusals == 0 {
			return nil, nil, false
		}
		refusals--
		refused <- struct{}{}
		return refuse(r), nil, true
	})
	m := join(t, b)
	m.next(t).Done()
	failed := await(t, m.recorder, 1, always[events.CommitFailed])
	if failed.Group != group || !errors.Is(failed.Err, kerr.OffsetMetadataTooLarge) {
		t.Errorf("event %+v, want one of group %q with %v", failed, group, kerr.OffsetMetadataTooLarge)
	}
	for range 3 {
		<-refused
	}
	b.commits.await(t, 0, 1)
	b.committedIs(t, 0, 1)
	if n := len(all[events.CommitFailed](m.recorder)); n != 1 {
		t.Errorf("%d events until a commit went well, want 1", n)
	}

	mu.Lock()
	refusals = 2
	mu.Unlock()
	b.produce(t, 1, 0, 1)
	m.next(t).Done()
	await(t, m.recorder, 2, always[events.CommitFailed]) // a new failure is told again
	b.committedIs(t, 1, 1)
	if !m.stop() {
		t.Error("Run reports a handler that was cut off")
	}
}

// The broker can refuse one partition of a commit and store the others.
func TestCommitFailsForOnePartition(t *testing.T) {
	t.Parallel()
	b := newBroker(t, 2)
	fault := b.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: topic, Partitions: []int32{1}, Err: kerr.OffsetMetadataTooLarge, Count: 2,
	})
	b.produce(t, 0, 0, 2)
	b.produce(t, 1, 0, 3)
	m := join(t, b, handler(func(_ context.Context, i intake.Item) { i.Done() }))
	if err := fault.Wait(testContext(t), 2); err != nil {
		t.Fatal(err)
	}
	await(t, m.recorder, 1, always[events.CommitFailed])
	b.committedIs(t, 0, 2)
	b.committedIs(t, 1, 3)
	m.stop()
}

// refusedCommit is the answer that refuses each partition of a commit.
func refusedCommit(req *kmsg.OffsetCommitRequest, err *kerr.Error) *kmsg.OffsetCommitResponse {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, err.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
