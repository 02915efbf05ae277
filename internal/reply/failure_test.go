package reply_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const tooLargeLine = `null error {"status":"error","message":"the reply is larger than the broker accepts","code":"internal"} last`

func TestReplyThatIsTooLarge(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 20_000)
	for _, tt := range []struct {
		name   string
		values []string
		close  func(*reply.Sequence)
		want   []string
	}{
		{"the only value", []string{large}, (*reply.Sequence).End, []string{tooLargeLine}},
		{"the last value", []string{"1", large}, (*reply.Sequence).End, []string{"1", tooLargeLine}},
		{"a value in the middle", []string{"1", large, "2"}, (*reply.Sequence).Cancel, []string{"1", tooLargeLine}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, f := setup(t, wait, kgo.ProducerBatchMaxBytes(10_000)), newFinish()
			s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, f.done)
			for _, v := range tt.values {
				if err := s.Send([]byte(v)); err != nil && !errors.Is(err, reply.ErrFinished) {
					t.Errorf("Send = %v", err)
				}
			}
			tt.close(s)
			if err := f.wait(t); !reply.TooLarge(err) {
				t.Errorf("done got %v, want an error for which TooLarge is true", err)
			}
			if diff := cmp.Diff(tt.want, b.stored(t, 0)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			f.once(t)
		})
	}
}

// The handler of a stream learns that its values are of no use any more.
func TestSequenceRefusesValuesBehindOneThatWasTooLarge(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait, kgo.ProducerBatchMaxBytes(10_000)), newFinish()
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, f.done)
	if err := s.Send(make([]byte, 20_000)); err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	var err error
	for sent := 0; err == nil && ctx.Err() == nil; sent++ {
		err = s.Send([]byte("more"))
	}
	if !errors.Is(err, reply.ErrFinished) {
		t.Errorf("Send = %v, want %v", err, reply.ErrFinished)
	}
	s.End()
	if err := f.wait(t); !reply.TooLarge(err) {
		t.Errorf("done got %v, want an error for which TooLarge is true", err)
	}
	// What was under way behind the large one is stored; the end is the error.
	lines := b.stored(t, 0)
	ends := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return l == "more" })
	if diff := cmp.Diff([]string{tooLargeLine}, ends); diff != "" {
		t.Errorf("records beside the values (-want +got):\n%s", diff)
	}
	if last := lines[len(lines)-1]; last != tooLargeLine {
		t.Errorf("the last record is %q", last)
	}
	f.once(t)
}

func TestPartitionThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	refreshed := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: replyTopic, Observe: true, Count: -1})
	b.value(t, to(2), "6", f)
	// The client looks, does not find it, and looks again.
	if err := refreshed.Wait(testContext(t), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.CreatePartitions(testContext(t), 1, replyTopic); err != nil {
		t.Fatal(err)
	}
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if diff := cmp.Diff([]string{"6 last"}, b.stored(t, 2)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f.once(t)
}

func TestPartitionThatNeverComes(t *testing.T) {
	t.Parallel()
	b, f := setup(t, 500*time.Millisecond), newFinish()
	refreshed := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: replyTopic, Observe: true, Count: -1})
	b.value(t, to(99), "6", f)
	if err := f.wait(t); err == nil {
		t.Error("done got nil for a partition that does not exist")
	}
	if n := refreshed.Hits(); n < 2 {
		t.Errorf("gave up after looking %d times, want more than once", n)
	}
	f.once(t)
}

func TestTopicThatNeverComes(t *testing.T) {
	t.Parallel()
	b, f := setup(t, time.Millisecond), newFinish()
	addr := to(0)
	addr.Request.ReplyTopic = "nobody.reply"
	b.value(t, addr, "6", f)
	if err := f.wait(t); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("done got %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
	f.once(t)
}

// One destination that cannot be reached slows no other.
func TestDestinationsAreIsolated(t *testing.T) {
	t.Parallel()
	b, stuck := setup(t, time.Second), newFinish()
	b.value(t, to(99), "lost", stuck)
	for range 100 {
		f := newFinish()
		b.value(t, to(1), "6", f)
		if err := f.wait(t); err != nil {
			t.Fatalf("done got %v", err)
		}
	}
	if err := stuck.wait(t); err == nil {
		t.Error("done got nil for a partition that does not exist")
	}
}

// done may take locks that the caller holds.
func TestDoneIsCalledOnAnotherGoroutine(t *testing.T) {
	t.Parallel()
	b := setup(t, wait)
	b.client.Close()
	f := newFinish()
	f.mu.Lock()
	b.value(t, to(0), "6", f)
	f.mu.Unlock()
	if err := f.wait(t); !errors.Is(err, kgo.ErrClientClosed) {
		t.Errorf("done got %v, want %v", err, kgo.ErrClientClosed)
	}
	f.once(t)
}

func TestReplyWithoutAPartitionGoesToAny(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	reply.NewSequence(t.Context(), b.Publisher, to(dialect.NoPartition), 0, f.done).Fail(denied)
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if diff := cmp.Diff([]string{deniedLine}, append(b.stored(t, 0), b.stored(t, 1)...)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{kerr.MessageTooLarge, true},
		{kerr.RecordListTooLarge, true},
		{kerr.InvalidTopicException, true},
		{kerr.TopicAuthorizationFailed, true},
		{kerr.ClusterAuthorizationFailed, true},
		{kerr.InvalidRecord, true},
		{kerr.PolicyViolation, true},
		{kgo.ErrClientClosed, true},
		{kerr.UnknownTopicOrPartition, false},
		{kerr.NotLeaderForPartition, false},
		{kerr.NotEnoughReplicas, false},
		{kgo.ErrMaxBuffered, false},
		{kgo.ErrRecordTimeout, false},
		{errors.New("invalid record partitioning choice of 9 from 2 available"), false},
	} {
		if got := reply.Permanent(errors.Join(errors.New("outer"), tt.err)); got != tt.want {
			t.Errorf("Permanent(%v) = %v, want %v", tt.err, got, tt.want)
		}
		large := errors.Is(tt.err, kerr.MessageTooLarge) || errors.Is(tt.err, kerr.RecordListTooLarge)
		if got := reply.TooLarge(tt.err); got != large {
			t.Errorf("TooLarge(%v) = %v, want %v", tt.err, got, large)
		}
	}
}

// The values that wait for a partition to appear must not overtake each other.
func TestOrderIsKeptWhileThePartitionIsNotKnown(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	refreshed := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: replyTopic, Observe: true, Count: -1})
	s := reply.NewSequence(t.Context(), b.Publisher, to(2), 0, f.done)
	want := make([]string, 0, 101)
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		if err := s.Send([]byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	s.Fail(denied)
	if err := refreshed.Wait(testContext(t), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.CreatePartitions(testContext(t), 1, replyTopic); err != nil {
		t.Fatal(err)
	}
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if diff := cmp.Diff(append(want, deniedLine), b.stored(t, 2)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f.once(t)
}

// Nothing is stored behind a value that was lost: the caller would take the
// rest for the whole.
func TestNothingFollowsALostValue(t *testing.T) {
	t.Parallel()
	b, f := setup(t, 300*time.Millisecond), newFinish()
	s := reply.NewSequence(t.Context(), b.Publisher, to(2), 0, f.done)
	for _, v := range []string{"1", "2", "3"} {
		if err := s.Send([]byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	// While the values wait for the partition, the sequence is not yet ended.
	ctx := testContext(t)
	for s.Send([]byte("more")) == nil && ctx.Err() == nil {
		runtime.Gosched()
	}
	s.End()
	if err := f.wait(t); err == nil {
		t.Error("done got nil although no value was stored")
	}
	if _, err := b.admin.CreatePartitions(ctx, 1, replyTopic); err != nil {
		t.Fatal(err)
	}
	if lines := b.stored(t, 2); len(lines) != 0 {
		t.Errorf("stored %q behind values that were lost", lines)
	}
	f.once(t)
}

// A reply topic can be deleted and made again while a service runs.
func TestReplyTopicThatIsRemade(t *testing.T) {
	t.Parallel()
	b := setup(t, wait)
	for round := range 3 {
		for _, partition := range []int32{0, 1} {
			f := newFinish()
			b.value(t, to(partition), fmt.Sprint(round), f)
			if err := f.wait(t); err != nil {
				t.Fatalf("done got %v", err)
			}
			if diff := cmp.Diff([]string{fmt.Sprint(round) + " last"}, b.stored(t, partition)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		}
		if _, err := b.admin.DeleteTopic(testContext(t), replyTopic); err != nil {
			t.Fatal(err)
		}
		if _, err := b.admin.CreateTopic(testContext(t), 2, 1, nil, replyTopic); err != nil {
			t.Fatal(err)
		}
	}
}
