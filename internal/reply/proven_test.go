package reply_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/reply"
)

// stream sends values as one stream.
func (b *bench) stream(t *testing.T, addr reply.Address, values int, f *finish) {
	t.Helper()
	s := reply.NewSequence(t.Context(), b.Publisher, addr, never, f.done)
	for i := range values {
		if err := s.Send(fmt.Append(nil, i)); err != nil {
			t.Errorf("Send = %v", err)
		}
	}
	s.End()
}

// The first value of a stream goes alone where nothing is known of its partition, and
// with the others where the last reply was stored.
func TestStreamToAKnownPartitionGoesWithoutAWait(t *testing.T) {
	t.Parallel()
	b, first, second := setup(t, wait), newFinish(), newFinish()
	arrived, release := b.hold(t)
	b.stream(t, to(0), 10, first)
	receive(t, arrived)
	if n := b.client.BufferedProduceRecords(); n != 1 {
		t.Errorf("%d values are on their way to a partition that nothing is known of, want 1", n)
	}
	release()
	if err := first.wait(t); err != nil {
		t.Fatalf("done got %v", err)
	}

	_, release = b.hold(t)
	b.stream(t, to(0), 10, second)
	for ctx := testContext(t); b.client.BufferedProduceRecords() < 10 && ctx.Err() == nil; {
		runtime.Gosched()
	}
	if n := b.client.BufferedProduceRecords(); n != 10 {
		t.Errorf("%d values are on their way to a partition that is known, want all 10", n)
	}
	release()
	if err := second.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
}

// What is known of a partition ends with the first failure there: its caller is told,
// and the next stream is careful again.
func TestStreamToAPartitionThatIsNoLongerKnown(t *testing.T) {
	t.Parallel()
	b, before, at, after := setup(t, wait), newFinish(), newFinish(), newFinish()
	b.stream(t, to(0), 2, before)
	if err := before.wait(t); err != nil {
		t.Fatalf("done got %v", err)
	}
	if _, err := b.admin.DeleteTopic(testContext(t), replyTopic); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.CreateTopic(testContext(t), 2, 1, nil, replyTopic); err != nil {
		t.Fatal(err)
	}
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), time.Nanosecond, at.done)
	for range 2 { // the second may be refused already
		_ = s.Send([]byte("lost"))
	}
	s.End()
	if err := at.wait(t); err == nil {
		t.Error("done got nil although the values were lost")
	}
	b.stream(t, to(0), 2, after)
	if err := after.wait(t); err != nil {
		t.Errorf("done got %v behind the failure", err)
	}
	if diff := cmp.Diff([]string{cutOffLine, "0", "1 last"}, b.stored(t, 0)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
