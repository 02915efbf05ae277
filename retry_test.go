package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
)

// seen is what a handler has seen of one delivery.
type seen struct {
	Text      string
	Attempt   int
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Time      int64
	Headers   string
}

func see(ctx context.Context, text string) seen {
	d, _ := siskin.DeliveryFrom(ctx)
	return seen{
		text, d.Attempt(), d.Topic(), d.Partition(), d.Offset(), string(d.Key()), d.Timestamp().UnixMilli(),
		fmt.Sprintf("%s", d.Headers()),
	}
}

// soon is a retry topic whose waits are short enough for a test.
func soon(attempts int) siskin.Retry {
	return siskin.Retry{Attempts: attempts, Initial: 20 * time.Millisecond, Longest: 50 * time.Millisecond}
}

// ordered is soon with KeepOrder.
func ordered(attempts int) siskin.Retry {
	r := soon(attempts)
	r.KeepOrder = true
	return r
}

// A record that fails waits in the retry topic while its own topic goes on, and looks
// to its handler as at first when it comes back.
func TestARetriedRecordLooksAsAtFirst(t *testing.T) {
	t.Parallel()
	for name, retry := range map[string]siskin.Retry{"": soon(4), "ordered": ordered(4)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			note := siskin.NewEvent[string](siskintest.Name("note"))
			got := make(chan seen, 10)
			svc := b.service()
			note.On(svc, func(ctx context.Context, s string) error {
				now := see(ctx, s)
				got <- now
				if now.Attempt < 4 {
					return errors.New("not yet")
				}
				return nil
			}, siskin.RetryTopic(retry))
			b.run(svc)
			meta, err := note.Emit(b.ctx(), b.client(), "x", siskin.WithKey("k"), siskin.WithHeader("color", "red"))
			if err != nil {
				t.Fatal(err)
			}
			first := receive(t, got)
			if first.Offset != meta.Offset || first.Key != "k" || !strings.Contains(first.Headers, "color") {
				t.Errorf("the first delivery is %+v", first)
			}
			for n := 2; n <= 4; n++ {
				want := first
				want.Attempt = n
				if diff := cmp.Diff(want, receive(t, got)); diff != "" {
					t.Errorf("attempt %d (-want +got):\n%s", n, diff)
				}
			}
			wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "done" && e.Attempts == 4 })
			retries := note.Pattern() + "-" + svc.Config().Group + "-retry"
			for _, topic := range []string{note.Pattern(), retries} {
				eventually(t, "commits of "+topic, func() bool { return committed(t, b, topic) >= meta.Offset+1 })
			}
		})
	}
}

// Without KeepOrder, later records of the key overtake one that waits.
func TestOthersOvertakeARecordThatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 10)
	svc := b.service()
	note.On(svc, func(ctx context.Context, s string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		got <- fmt.Sprintf("%s %d", s, d.Attempt())
		if s == "bad" && d.Attempt() == 1 {
			return errors.New("not yet")
		}
		return nil
	}, siskin.RetryTopic(siskin.Retry{Initial: time.Second, Longest: time.Second}))
	b.run(svc)
	emit(t, b, b.client(), note, "k", "bad", "good", "better")
	for _, want := range []string{"bad 1", "good 1", "better 1", "bad 2"} {
		if s := receive(t, got); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
}

// With KeepOrder they wait, and the records of other keys do not.
func TestLaterRecordsOfTheKeyWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 20)
	svc := b.service()
	retry := ordered(3)
	retry.Initial, retry.Longest = time.Second, time.Second
	note.On(svc, func(ctx context.Context, s string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		got <- fmt.Sprintf("%s %d", s, d.Attempt())
		if strings.HasPrefix(s, "bad") && d.Attempt() == 1 {
			return errors.New("not yet")
		}
		return nil
	}, siskin.RetryTopic(retry))
	b.run(svc)
	client := b.client()
	emit(t, b, client, note, "k", "bad", "good", "bad too", "better")
	emit(t, b, client, note, "other", "other")
	var all []string
	for range 7 {
		all = append(all, receive(t, got))
	}
	if other := slices.Index(all, "other 1"); other < 0 || other > slices.Index(all, "bad 2") {
		t.Errorf("ran %q: the other key waits too", all)
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "other 1" })
	if diff := cmp.Diff([]string{"bad 1", "bad 2", "good 1", "bad too 1", "bad too 2", "better 1"}, all); diff != "" {
		t.Errorf("the key (-want +got):\n%s", diff)
	}
	emit(t, b, client, note, "k", "later")
	if s := receive(t, got); s != "later 1" {
		t.Errorf("got %q behind them", s)
	}
}

// What waits goes on with the next owner, with its attempts, and in order.
func TestWhatWaitsOutlivesItsOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 20)
	started := func(until int) (stop func() error) {
		svc := b.service()
		retry := ordered(20)
		retry.Initial, retry.Longest = 100*time.Millisecond, 100*time.Millisecond
		note.On(svc, func(ctx context.Context, s string) error {
			d, _ := siskin.DeliveryFrom(ctx)
			got <- fmt.Sprintf("%s %d", s, d.Attempt())
			if s == "bad" && d.Attempt() < until {
				return errors.New("not yet")
			}
			return nil
		}, siskin.RetryTopic(retry))
		return b.run(svc)
	}
	stop := started(1000)
	client := b.client()
	emit(t, b, client, note, "k", "bad", "second", "third")
	for n := 1; n <= 3; n++ {
		if s, want := receive(t, got), fmt.Sprintf("bad %d", n); s != want {
			t.Errorf("got %q, want %q", s, want)
		}
	}
	eventually(t, "the commit", func() bool { return committed(t, b, note.Pattern()) == 3 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for len(got) > 0 {
		<-got
	}
	emit(t, b, client, note, "k", "fourth")
	started(5)
	s := receive(t, got)
	if !strings.HasPrefix(s, "bad ") || s == "bad 1" || s == "bad 2" {
		t.Errorf("the next owner begins with %q", s)
	}
	for strings.HasPrefix(s, "bad") {
		s = receive(t, got)
	}
	all := []string{s}
	for range 2 {
		all = append(all, receive(t, got))
	}
	if diff := cmp.Diff([]string{"second 1", "third 1", "fourth 1"}, all); diff != "" {
		t.Error(diff)
	}
}

// A dead letter that comes of a retried record is that of the record.
func TestTheDeadLetterOfARetriedRecord(t *testing.T) {
	t.Parallel()
	for name, retry := range map[string]siskin.Retry{"": soon(3), "ordered": ordered(3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			note := siskin.NewEvent[string](siskintest.Name("note"))
			svc := b.service()
			note.On(svc, func(_ context.Context, s string) error { return errors.New("never " + s) }, siskin.RetryTopic(retry))
			b.run(svc)
			emit(t, b, b.client(), note, "k", "one")
			letter := firstRecord(t, b, note.Pattern()+"-dlt")
			if string(letter.Key) != "k" || string(letter.Value) != "one" || text(letter, "kafka_dlt-original-topic") != note.Pattern() ||
				number(t, letter, "kafka_dlt-original-offset") != 0 || text(letter, "kafka_dlt-exception-message") != "never one" ||
				text(letter, "siskin-dlt-handler") != note.Pattern() || text(letter, "siskin-dlt-attempts") != "3" {
				t.Errorf("dead letter %+v", letter)
			}
			for _, h := range letter.Headers {
				if strings.HasPrefix(h.Key, "siskin-retry") || strings.HasPrefix(h.Key, "kafka_original") {
					t.Errorf("the dead letter has the header %s", h.Key)
				}
			}
			wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "dead-lettered" && e.Attempts == 3 })
		})
	}
}

// Errors are told apart: some end at once, some say when.
func TestErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	gone := errors.New("gone")
	var mu sync.Mutex
	tried := make(map[string]int)
	svc := b.service()
	retry := soon(3)
	retry.Permanent = func(err error) bool { return errors.Is(err, gone) }
	note.On(svc, func(_ context.Context, s string) error {
		mu.Lock()
		defer mu.Unlock()
		tried[s]++
		switch s {
		case "gone":
			return fmt.Errorf("look: %w", gone)
		case "later":
			return siskin.RetryAfter(10*time.Millisecond, errors.New("not yet"))
		case "drop":
			return siskin.Drop(errors.New("nobody cares"))
		case "letter":
			return siskin.DeadLetter(errors.New("look at it"))
		}
		return errors.New("fails")
	}, siskin.RetryTopic(retry))
	b.run(svc)
	emit(t, b, b.client(), note, "", "gone", "later", "drop", "letter", "fails")
	waitFor(t, b.watch, 5, func(e events.Handled) bool { return e.Outcome != "done" })
	mu.Lock()
	defer mu.Unlock()
	want := map[string]int{"gone": 1, "later": 3, "drop": 1, "letter": 1, "fails": 3}
	if diff := cmp.Diff(want, tried); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

// A request that is opted in is answered when an attempt succeeds, or with the last
// error, or as soon as the next attempt would come too late.
func TestARequestCanBeRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	work := siskin.NewRPC[int, string](siskintest.Name("work"))
	late := siskin.NewRPC[int, string](siskintest.Name("late"))
	svc := b.service()
	handle := func(ctx context.Context, succeeds int) (string, error) {
		d, _ := siskin.DeliveryFrom(ctx)
		if d.Attempt() < succeeds {
			return "", siskin.Errorf(siskin.CodeUnavailable, "attempt %d", d.Attempt())
		}
		return fmt.Sprintf("after %d", d.Attempt()), nil
	}
	work.Handle(svc, handle, siskin.RetryTopic(soon(3)))
	late.Handle(svc, handle, siskin.RetryTopic(siskin.Retry{Initial: time.Hour, Longest: time.Hour}))
	b.run(svc)
	client := b.client()
	if s, err := work.Send(b.ctx(), client, 3); s != "after 3" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
	if _, err := work.Send(b.ctx(), client, 9); err == nil || !strings.Contains(err.Error(), "attempt 3") {
		t.Errorf("after the last attempt: %v", err)
	}
	if _, err := late.Send(b.ctx(), client, 2); err == nil || !strings.Contains(err.Error(), "attempt 1") {
		t.Errorf("when the next attempt is too late: %v", err)
	}
}

// Of several handlers of an event, only those that failed run again.
func TestOnlyTheHandlersThatFailedRunAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	note := siskin.NewEvent[string](siskintest.Name("note"))
	got := make(chan string, 20)
	svc := b.service()
	for i, name := range []string{"a", "b", "c"} {
		note.On(svc, func(ctx context.Context, _ string) error {
			d, _ := siskin.DeliveryFrom(ctx)
			got <- fmt.Sprintf("%s%d", name, d.Attempt())
			if d.Attempt() <= i {
				return errors.New("not yet")
			}
			return nil
		}, siskin.RetryTopic(soon(5)))
	}
	b.run(svc)
	emit(t, b, b.client(), note, "k", "x")
	var all []string
	for range 6 {
		all = append(all, receive(t, got))
	}
	if diff := cmp.Diff([]string{"a1", "b1", "c1", "b2", "c2", "c3"}, all); diff != "" {
		t.Error(diff)
	}
	wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "done" })
	if len(got) > 0 {
		t.Errorf("more ran: %s", <-got)
	}
}

// When the retry topic has no room, records wait in place, and none is lost.
func TestAFullRetryTopicIsNoEnd(t *testing.T) {
	t.Parallel()
	for name, retry := range map[string]siskin.Retry{"": soon(3), "ordered": ordered(3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.cfg.UncommittedLimit, b.cfg.QueueLimit = 10, 10
			note := siskin.NewEvent[int](siskintest.Name("note"))
			const records, keys = 300, 7
			got := make(chan int, records)
			svc := b.service()
			note.On(svc, func(ctx context.Context, n int) error {
				if d, _ := siskin.DeliveryFrom(ctx); n%2 == 0 && d.Attempt() < 3 {
					return errors.New("not yet")
				}
				got <- n
				return nil
			}, siskin.RetryTopic(retry))
			b.run(svc)
			client := b.client()
			for n := range records {
				if _, err := note.Emit(b.ctx(), client, n, siskin.WithKey(fmt.Sprint(n%keys))); err != nil {
					t.Fatal(err)
				}
			}
			last := make(map[int]int)
			var all []int
			for range records {
				n := receive(t, got)
				if before, ok := last[n%keys]; retry.KeepOrder && ok && before > n {
					t.Errorf("%d came behind %d", n, before)
				}
				last[n%keys] = n
				all = append(all, n)
			}
			slices.Sort(all)
			if all = slices.Compact(all); len(all) != records {
				t.Errorf("%d different records, want %d", len(all), records)
			}
			eventually(t, "the commit", func() bool { return committed(t, b, note.Pattern()) == records })
		})
	}
}

// A retry topic with too few partitions is no reason to stop.
func TestAMissingRetryPartitionMeansInPlace(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.cfg.Topics = "verify"
	svc := o.service()
	got := make(chan int, 10)
	siskin.On(svc, o.topic, func(ctx context.Context, _ string) error {
		d, _ := siskin.DeliveryFrom(ctx)
		got <- d.Attempt()
		if d.Attempt() < 3 {
			return errors.New("not yet")
		}
		return nil
	}, siskin.RetryTopic(ordered(5)))
	o.make(o.topic + "-dlt")
	if err := testtopics.Create(o.ctx(), o.admin(), 1, nil, o.topic+"-"+svc.Config().Group+"-retry"); err != nil {
		t.Fatal(err)
	}
	o.run(svc)
	wait(t, o.watch, func(e events.RetriesInPlace) bool { return e.Topic == o.topic && e.Partition == 2 })
	if _, err := o.bundle.client().Emit(o.ctx(), o.topic, "x", siskin.WithKey("k"), siskin.WithPartition(2)); err != nil {
		t.Fatal(err)
	}
	for want := 1; want <= 3; want++ {
		if n := receive(t, got); n != want {
			t.Errorf("attempt %d, want %d", n, want)
		}
	}
}

func TestRetryTopicsThatAreRefused(t *testing.T) {
	t.Parallel()
	svc, err := siskin.NewService(siskin.Config{Group: "g", Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	on := func(topic string, opts ...siskin.HandlerOption) {
		siskin.On(svc, topic, func(context.Context, string) error { return nil }, opts...)
	}
	on("whole", siskin.Ordered(), siskin.RetryTopic(siskin.Retry{}))
	on("nothing", siskin.Unordered(), siskin.RetryTopic(siskin.Retry{KeepOrder: true}))
	on("spring", siskin.RetryTopic(siskin.Retry{KeepOrder: true, Spring: true}))
	on("manual", siskin.ManualCommit(), siskin.RetryTopic(siskin.Retry{}))
	on("long", siskin.RetryTopic(siskin.Retry{Longest: 25 * time.Hour}))
	on("negative", siskin.RetryTopic(siskin.Retry{Attempts: -1}))
	on(strings.Repeat("x", 245), siskin.RetryTopic(siskin.Retry{}))
	siskin.HandleStream(svc, "stream", func(context.Context, string, func(string) error) error { return nil },
		siskin.RetryTopic(siskin.Retry{}))
	err = svc.Run(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	for _, want := range []string{"whole", "nothing", "spring", "manual", "long", "negative", "xxx", "stream"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing about %s in:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "retry_test.go:"); n != 8 {
		t.Errorf("%d mistakes, want 8:\n%s", n, text)
	}
}
