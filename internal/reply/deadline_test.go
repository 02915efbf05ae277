package reply_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
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

// far is a deadline that no test reaches.
func far() time.Time { return time.Now().Add(time.Hour) }

// limited is setup with another patience for requests without a deadline.
func limited(t *testing.T, unstated time.Duration, opts ...kgo.Opt) *bench {
	t.Helper()
	b := setup(t, wait, opts...)
	b.Publisher = reply.NewPublisher(b.client, reply.Limits{Missing: wait, Unstated: unstated})
	return b
}

// The Kafka client cannot give up what a broker may have stored. The request's
// offset must not wait for that.
func TestReplyEndsAtItsDeadlineWhileTheLeaderIsSilent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		unstated time.Duration
		until    time.Time
	}{
		{"stated, and already past", wait, time.Now()},
		{"not stated", 100 * time.Millisecond, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, f := limited(t, tt.unstated), newFinish()
			arrived, release := b.hold(t)
			addr := to(0)
			addr.Until = tt.until
			b.value(t, addr, "6", f)
			receive(t, arrived)
			if err := f.wait(t); !errors.Is(err, reply.ErrLate) {
				t.Errorf("done got %v, want %v", err, reply.ErrLate)
			}
			release()
			next := newFinish() // lands behind the late one
			b.value(t, to(0), "7", next)
			if err := next.wait(t); err != nil {
				t.Errorf("done got %v", err)
			}
			f.once(t)
		})
	}
}

// A leader that is away is waited for until the deadline, longer than a
// destination that does not exist.
func TestPassingFailureIsTriedUntilTheDeadline(t *testing.T) {
	t.Parallel()
	b, f := setup(t, 0, kgo.RecordRetries(1)), newFinish()
	away := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	addr := to(0)
	addr.Until = far()
	b.value(t, addr, "6", f)
	if err := away.Wait(testContext(t), 8); err != nil {
		t.Fatal(err)
	}
	away.Remove()
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if diff := cmp.Diff([]string{"6 last"}, b.stored(t, 0)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f.once(t)
}

func TestPermanentFailureEndsAtOnce(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	refused := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	addr := to(0)
	addr.Until = far()
	b.value(t, addr, "6", f)
	if err := f.wait(t); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("done got %v, want %v", err, kerr.TopicAuthorizationFailed)
	}
	if n := refused.Hits(); n != 1 {
		t.Errorf("tried %d times, want once", n)
	}
}

// A caller that vanished with its topic holds no offset until its deadline, and
// the Kafka client is not left asking for its topic.
func TestMissingTopicIsGivenUpBeforeTheDeadlineAndForgotten(t *testing.T) {
	t.Parallel()
	b, f := setup(t, time.Millisecond), newFinish()
	asked := make(chan bool, 1_000)
	b.cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		select {
		case asked <- slices.ContainsFunc(req.(*kmsg.MetadataRequest).Topics, func(topic kmsg.MetadataRequestTopic) bool {
			return topic.Topic != nil && *topic.Topic == "nobody.reply"
		}):
		default:
		}
		return nil, nil, false
	})
	addr := to(0)
	addr.Request.ReplyTopic, addr.Until = "nobody.reply", far()
	b.value(t, addr, "6", f)
	if err := f.wait(t); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("done got %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
	if !receive(t, asked) {
		t.Error("the Kafka client never asked for the topic")
	}
	for receive(t, asked) {
		b.client.ForceMetadataRefresh()
	}
	for range 3 { // what was under way is over: it is asked for no more
		b.client.ForceMetadataRefresh()
		if receive(t, asked) {
			t.Error("the Kafka client asked again for a topic that was given up")
		}
	}
}

// A handler that is abandoned between its value and its end gives its room back.
func TestAnAbandonedReplyHoldsNoRoom(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait, kgo.MaxBufferedRecords(100)), newFinish()
	for range 1_000 {
		s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, f.done)
		if err := s.Send([]byte("abandoned")); err != nil {
			t.Fatal(err)
		}
		if !s.Abandon() || s.Abandon() {
			t.Fatal("Abandon does not end the sequence once")
		}
	}
	b.value(t, to(0), "6", f)
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
}

// A burst of many times what a destination has room for loses nothing, as long as
// its broker lives: those who find no room wait. Errors are answers too.
func TestABurstLosesNothing(t *testing.T) {
	t.Parallel()
	const burst = 2_000
	b := setup(t, wait, kgo.MaxBufferedRecords(1_000)) // room for 37
	landed := make(chan error, burst)
	for i := range burst {
		go func() {
			s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, func(err error) { landed <- err })
			if i%3 == 0 {
				s.Fail(&dialect.Fault{Code: "invalid", Message: "no"})
				return
			}
			if err := s.Send([]byte("6")); err != nil {
				t.Error(err)
			}
			s.End()
		}()
	}
	for range burst {
		if err := receive(t, landed); err != nil {
			t.Fatalf("a reply of the burst: %v", err)
		}
	}
	if n := len(b.stored(t, 0)); n != burst {
		t.Errorf("%d records are stored, want %d", n, burst)
	}
}

// full is a destination whose leader is silent and whose room for values is
// taken up.
func full(t *testing.T, b *bench) (release func()) {
	t.Helper()
	arrived, release := b.hold(t)
	b.answer(t, to(0), "first", func(error) {})
	receive(t, arrived)
	refused := make(chan struct{}, 1)
	for ctx := testContext(t); ; {
		b.answer(t, to(0), "more", func(err error) {
			if errors.Is(err, reply.ErrDestinationFull) {
				select {
				case refused <- struct{}{}:
				default:
				}
			}
		})
		select {
		case <-refused: // before answer returned
			return release
		default:
		}
		if ctx.Err() != nil {
			t.Fatal("the destination never got full")
		}
	}
}

func TestStreamWaitsForRoom(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait, kgo.MaxBufferedRecords(100)), newFinish()
	release := full(t, b)
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), never, f.done)
	sent := make(chan error, 50)
	go func() {
		defer s.End()
		for range cap(sent) {
			sent <- s.Send([]byte("value"))
		}
	}()
	elsewhere()
	if n := len(sent); n != 0 {
		t.Errorf("%d values were taken without room", n)
	}
	release()
	for range cap(sent) {
		if err := receive(t, sent); err != nil {
			t.Errorf("Send = %v", err)
		}
	}
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	values := slices.DeleteFunc(b.stored(t, 0), func(l string) bool { return l != "value" && l != "value last" })
	if len(values) != cap(sent) || values[len(values)-1] != "value last" {
		t.Errorf("%d values are stored and the last is %q; want %d and the mark", len(values), values[len(values)-1], cap(sent))
	}
	f.once(t)
}

// elsewhere lets time pass: as much as a goroutine needs to get stuck.
func elsewhere() {
	for range 1_000 {
		runtime.Gosched()
	}
}

func TestStreamThatWaitsForRoomEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t, wait, kgo.MaxBufferedRecords(100))
	full(t, b)
	lost := errors.New("the partition is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := reply.NewSequence(ctx, b.Publisher, to(0), never, func(error) {})
	sent := make(chan error, 1)
	go func() { sent <- s.Send([]byte("value")) }()
	elsewhere()
	cancel(lost)
	if err := receive(t, sent); !errors.Is(err, lost) {
		t.Errorf("Send = %v, want %v", err, lost)
	}
}

// So does one that waits because too much of its own is on its way.
func TestStreamThatIsFullEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t, wait)
	b.hold(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := reply.NewSequence(ctx, b.Publisher, to(0), 0, func(error) {})
	sent := make(chan error)
	go func() {
		for {
			err := s.Send([]byte("value"))
			sent <- err
			if err != nil {
				return
			}
		}
	}()
	for range 257 {
		if err := receive(t, sent); err != nil {
			t.Fatalf("Send = %v", err)
		}
	}
	cancel()
	if err := receive(t, sent); !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want %v", err, context.Canceled)
	}
}

func TestStreamThatGetsNoRoomIsLost(t *testing.T) {
	t.Parallel()
	b, f := limited(t, 300*time.Millisecond, kgo.MaxBufferedRecords(100)), newFinish()
	full(t, b)
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), never, f.done)
	err := s.Send([]byte("value"))
	if !errors.Is(err, reply.ErrFinished) || !errors.Is(err, reply.ErrDestinationFull) {
		t.Errorf("Send = %v, want %v with %v", err, reply.ErrFinished, reply.ErrDestinationFull)
	}
	s.Fail(denied)
	if err := f.wait(t); !errors.Is(err, reply.ErrDestinationFull) {
		t.Errorf("done got %v, want %v", err, reply.ErrDestinationFull)
	}
	f.once(t)
}

const cutOffLine = `null error {"status":"error","message":"a reply in the middle was lost, so the rest is not sent","code":"unavailable"} last`

// A stream with a hole must not look whole.
func TestCallerIsToldOfALostValue(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait, kgo.RecordRetries(0)), newFinish()
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), time.Microsecond, f.done)
	if err := s.Send([]byte("1")); err != nil {
		t.Fatal(err)
	}
	for ctx := testContext(t); len(b.stored(t, 0)) == 0 && ctx.Err() == nil; {
		runtime.Gosched()
	}
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	err := s.Send([]byte("2"))
	for ctx := testContext(t); err == nil && ctx.Err() == nil; {
		runtime.Gosched()
		err = s.Send([]byte("3"))
	}
	if !errors.Is(err, reply.ErrFinished) {
		t.Errorf("Send = %v, want %v", err, reply.ErrFinished)
	}
	fault.Remove()
	s.End()
	if err := f.wait(t); !errors.Is(err, kgo.ErrRecordRetries) && !errors.Is(err, kerr.NotEnoughReplicas) {
		t.Errorf("done got %v", err)
	}
	// What was under way behind the lost value may be stored; the end is the error.
	lines := slices.DeleteFunc(b.stored(t, 0), func(l string) bool { return l == "3" })
	if diff := cmp.Diff([]string{"1", cutOffLine}, lines); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f.once(t)
}
