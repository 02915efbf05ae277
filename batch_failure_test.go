package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// What the handler names is tried again alone, each as its error says; the rest is
// done.
func TestSomeRecordsOfABatchFail(t *testing.T) {
	t.Parallel()
	b := setup(t).batch(6, func(ctx context.Context, values []string) error {
		var errs []error
		for i, v := range values {
			switch attempt := siskin.DeliveriesFrom(ctx)[i].Attempt(); {
			case v == "flaky" && attempt < 3:
				errs = append(errs, siskin.FailAt(i, errors.New("not yet")))
			case v == "stale":
				errs = append(errs, siskin.FailAt(i, siskin.Drop(errors.New("too late"))))
			case v == "wrong":
				errs = append(errs, siskin.FailAt(i, siskin.Errorf(siskin.CodeInvalid, "never")))
			case v == "bad":
				errs = append(errs, siskin.FailAt(i, siskin.DeadLetter(errors.New("nobody can"))))
			}
		}
		if len(errs) == 0 {
			return nil
		}
		return fmt.Errorf("store: %w", errors.Join(errs...))
	})
	emit(t, b.bundle, b.client(), b.topic, "", "good", "flaky", "stale", "wrong", "bad", "fine")
	if got, want := b.sorted(3), []string{"flaky2", "flaky3", "good1 flaky1 stale1 wrong1 bad1 fine1"}; !slices.Equal(got, want) {
		t.Errorf("the calls are %q, want %q", got, want)
	}
	b.passed(6)
	outcomes := make(map[int64]string)
	for _, e := range found(b.watch, func(events.Handled) bool { return true }) {
		outcomes[e.Offset] += fmt.Sprint(e.Outcome, e.Attempts)
	}
	want := map[int64]string{
		0: "done1", 1: "done3", 2: "dropped1", 3: "dead-lettered1", 4: "dead-lettered1", 5: "done1",
	}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("the outcomes are (-want +got):\n%s", diff)
	}
}

// A record that fails its batch without being named is found: each record is tried
// alone, and only the culprit becomes a dead letter.
func TestAPoisonedBatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		fail func() error
	}{
		{"error", func() error { return errors.New("constraint violated") }},
		{"panic", func() error { panic("constraint violated") }},
		{"permanent", func() error { return siskin.Errorf(siskin.CodeInvalid, "constraint violated") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bundle := setup(t)
			bundle.cfg.RetryAttempts = 2
			b := bundle.batch(4, func(_ context.Context, values []string) error {
				if slices.Contains(values, "poison") {
					return test.fail()
				}
				return nil
			})
			emit(t, b.bundle, b.client(), b.topic, "", "a", "b", "poison", "c")
			want := []string{"a1 b1 poison1 c1", "a2", "b2", "c2", "poison2"}
			if got := b.sorted(5); !slices.Equal(got, want) {
				t.Errorf("the calls are %q, want %q", got, want)
			}
			b.passed(4)
			dead := found(b.watch, func(e events.Handled) bool { return e.Outcome != "done" })
			if len(dead) != 1 || dead[0].Offset != 2 || dead[0].Outcome != "dead-lettered" || dead[0].Attempts != 2 {
				t.Errorf("not done: %+v", dead)
			}
			letter := firstRecord(t, b.bundle, b.topic.Pattern()+"-dlt")
			if string(letter.Value) != "poison" {
				t.Errorf("the dead letter is %s", letter.Value)
			}
			failures := found(b.watch, func(events.HandlerFailed) bool { return true })
			if len(failures) != 2 || !strings.Contains(failures[0].Err.Error(), "a batch of 4 records: ") || failures[0].Next != "retry" {
				t.Errorf("told: %+v; want one event for the batch and one for its culprit", failures)
			}
		})
	}
}

// Drop and DeadLetter are orders, also for a whole batch; and without a second attempt
// nobody can find the culprit.
func TestWhatHoldsForAWholeBatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		attempts int
		err      error
		want     string
	}{
		{"drop", 5, siskin.Drop(errors.New("too late")), "dropped"},
		{"dead letter", 5, siskin.DeadLetter(errors.New("nobody can")), "dead-lettered"},
		{"one attempt", 1, errors.New("constraint violated"), "dead-lettered"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			bundle := setup(t)
			bundle.cfg.RetryAttempts = test.attempts
			b := bundle.batch(3, func(context.Context, []string) error { return test.err })
			emit(t, b.bundle, b.client(), b.topic, "", "a", "b", "c")
			b.passed(3)
			waitFor(t, b.watch, 3, func(e events.Handled) bool { return e.Outcome == test.want && e.Attempts == 1 })
			if receive(t, b.calls); len(b.calls) > 0 {
				t.Errorf("the handler was called again with %v", <-b.calls)
			}
		})
	}
}

// An index that is not in the batch, and an error beside those that name a record,
// fail what is not named.
func TestAnErrorBesideNamedOnes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		beside error
	}{
		{"plain", errors.New("commit failed")},
		{"index", siskin.FailAt(3, errors.New("who?"))},
		{"negative", siskin.FailAt(-1, errors.New("who?"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t).batch(3, func(ctx context.Context, values []string) error {
				if len(values) == 1 {
					return nil
				}
				return errors.Join(siskin.FailAt(1, siskin.Drop(nil)), test.beside)
			})
			emit(t, b.bundle, b.client(), b.topic, "", "a", "b", "c")
			if got, want := b.sorted(3), []string{"a1 b1 c1", "a2", "c2"}; !slices.Equal(got, want) {
				t.Errorf("the calls are %q, want %q", got, want)
			}
			b.passed(3)
		})
	}
}

// checked is a value that knows whether it makes sense.
type checked struct{ N int }

func (c checked) Validate() error {
	switch {
	case c.N == 0:
		return errors.New("zero")
	case c.N < 0:
		panic("negative")
	}
	return nil
}

// A value that cannot be decoded, or is not valid, becomes a dead letter alone and is
// left out of its batch; the indexes are those of the values that are left.
func TestABatchLeavesOutWhatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.RetryAttempts = 2
	topic := siskintest.Name("batch")
	calls, offsets := make(chan []checked, 9), make(chan []int64, 9)
	svc := b.service()
	siskin.OnBatch(svc, topic, func(ctx context.Context, values []checked) error {
		calls <- values
		var all []int64
		for _, d := range siskin.DeliveriesFrom(ctx) {
			all = append(all, d.Offset())
		}
		offsets <- all
		return siskin.FailAt(1, siskin.Drop(nil))
	}, siskin.BatchSize(6), siskin.BatchWait(30*time.Second))
	b.run(svc)
	_, err := b.client().EmitBatch(b.ctx(), topic, []siskin.Message{
		{Value: "text"}, {Value: checked{1}}, {Value: checked{0}}, {Value: checked{2}}, {Value: checked{-1}}, {Value: checked{3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]checked{{1}, {2}, {3}}, receive(t, calls)); diff != "" {
		t.Errorf("the batch (-want +got):\n%s", diff)
	}
	if got := receive(t, offsets); !slices.Equal(got, []int64{1, 3, 5}) {
		t.Errorf("the batch has the offsets %v", got)
	}
	waitFor(t, b.watch, 6, func(events.Handled) bool { return true })
	for offset, want := range map[int64]string{
		0: "dead-lettered 1", 1: "done 1", 2: "dead-lettered 1", 3: "dropped 1", 4: "dead-lettered 2", 5: "done 1",
	} {
		e := wait(t, b.watch, func(e events.Handled) bool { return e.Offset == offset })
		if got := fmt.Sprint(e.Outcome, " ", e.Attempts); got != want {
			t.Errorf("record %d is %s, want %s: %v", offset, got, want, e.Err)
		}
	}
	if len(calls) > 0 {
		t.Errorf("the handler was called again with %v", <-calls)
	}
}

// What cannot be decoded keeps its own error when the handler of the others panics.
func TestABatchThatPanicsBesideWhatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("batch")
	svc := b.service()
	siskin.OnBatch(svc, topic, func(_ context.Context, values []checked) error {
		if len(values) > 1 {
			panic("together")
		}
		return nil
	}, siskin.BatchSize(3), siskin.BatchWait(30*time.Second))
	b.run(svc)
	_, err := b.client().EmitBatch(b.ctx(), topic, []siskin.Message{{Value: "text"}, {Value: checked{1}}, {Value: checked{2}}})
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[int64]string{0: "dead-lettered 1", 1: "done 2", 2: "done 2"} {
		e := wait(t, b.watch, func(e events.Handled) bool { return e.Offset == offset })
		if got := fmt.Sprint(e.Outcome, " ", e.Attempts); got != want {
			t.Errorf("record %d is %s, want %s: %v", offset, got, want, e.Err)
		}
	}
}

// A batch of nothing is no batch.
func TestABatchThatCannotBeDecodedAtAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	topic := siskintest.Name("batch")
	svc := b.service()
	siskin.OnBatch(svc, topic, func(_ context.Context, values []int) error {
		t.Errorf("the handler is called with %v", values)
		return nil
	}, siskin.BatchSize(2))
	b.run(svc)
	if _, err := b.client().EmitBatch(b.ctx(), topic, []siskin.Message{{Value: "x"}, {Value: "y"}}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, b.watch, 2, func(e events.Handled) bool { return e.Outcome == "dead-lettered" })
}

// The key of a record that is tried again waits, others flow; the watermark goes as
// far as it can, and a rest does not hold up the stop.
func TestARetryOfABatchHoldsUpOnlyItsKey(t *testing.T) {
	t.Parallel()
	b := setup(t).batch(2, func(_ context.Context, values []string) error {
		if i := slices.Index(values, "bad"); i >= 0 {
			return siskin.FailAt(i, siskin.RetryAfter(time.Hour, errors.New("later")))
		}
		return nil
	})
	client := b.client()
	emit(t, b.bundle, client, b.topic, "a", "good", "bad")
	if got := receive(t, b.calls); got.String() != "good1 bad1" {
		t.Errorf("the first batch is %v", got)
	}
	emit(t, b.bundle, client, b.topic, "a", "behind", "behind")
	emit(t, b.bundle, client, b.topic, "b", "flows", "flows")
	if got := receive(t, b.calls); got.String() != "flows1 flows1" {
		t.Errorf("then %v, want the other key", got)
	}
	wait(t, b.watch, func(e events.Handled) bool { return e.Offset == 5 })
	b.passed(1)
	if err := b.stop(); err != nil {
		t.Error(err)
	}
	if at := b.committed(b.svc, b.topic.Pattern()); at != 1 {
		t.Errorf("committed %d, want 1", at)
	}
	b.serve(5, fine)
	if got := receive(t, b.calls); got.String() != "bad1 behind1 behind1 flows1 flows1" {
		t.Errorf("the next owner gets %v, want all from the one that was not done", got)
	}
	b.passed(6)
}

// With a retry topic, what failed waits there, alone as everywhere: its offset is
// committed, and its key flows.
func TestABatchWithARetryTopic(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	b := setup(t).batch(3, func(_ context.Context, values []string) error {
		if len(values) == 1 {
			<-hold
			return nil
		}
		return siskin.FailAt(slices.Index(values, "bad"), errors.New("later"))
	}, siskin.RetryTopic(siskin.Retry{}))
	client := b.client()
	emit(t, b.bundle, client, b.topic, "key", "a", "bad", "c")
	if got := receive(t, b.calls); got.String() != "a1 bad1 c1" {
		t.Errorf("the first batch is %v", got)
	}
	if got := receive(t, b.calls); got.String() != "bad2" || got.deliveries[0].Offset() != 1 {
		t.Errorf("then %v", got)
	}
	b.passed(3)
	emit(t, b.bundle, client, b.topic, "key", "d", "bad", "f")
	if got := receive(t, b.calls); got.String() != "d1 bad1 f1" {
		t.Errorf("then %v: the key does not wait", got)
	}
	close(hold)
	if got := receive(t, b.calls); got.String() != "bad2" {
		t.Errorf("at last %v", got)
	}
	waitFor(t, b.watch, 6, func(e events.Handled) bool { return e.Outcome == "done" })
}
