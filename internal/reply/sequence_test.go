package reply_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/reply"
)

// never is a hold that does not run out during a test.
const never = time.Hour

var denied = &dialect.Fault{Code: "denied", Message: "no"}

const deniedLine = `null error {"status":"error","message":"no","code":"denied"} last`

func TestSequence(t *testing.T) {
	t.Parallel()
	send := func(values ...string) func(*testing.T, *reply.Sequence) {
		return func(t *testing.T, s *reply.Sequence) {
			for _, v := range values {
				if err := s.Send([]byte(v)); err != nil {
					t.Errorf("Send(%q) = %v", v, err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name  string
		hold  time.Duration
		send  func(*testing.T, *reply.Sequence)
		close func(*reply.Sequence)
		want  []string
	}{
		{"a value carries the mark of the last", 0, send("6"), (*reply.Sequence).End, []string{"6 last"}},
		{"the last of several values carries the mark", 0, send("1", "2", "3"), (*reply.Sequence).End, []string{"1", "2", "3 last"}},
		{"so it does within the hold", never, send("1", "2", "3"), (*reply.Sequence).End, []string{"1", "2", "3 last"}},
		{"an empty value is a value", 0, send("", ""), (*reply.Sequence).End, []string{"", " last"}},
		{"no value", 0, send(), (*reply.Sequence).End, []string{"null last"}},
		{"an error", 0, send(), func(s *reply.Sequence) { s.Fail(denied) }, []string{deniedLine}},
		{"an error behind values", never, send("1", "2"), func(s *reply.Sequence) { s.Fail(denied) }, []string{"1", "2", deniedLine}},
		{"nothing", 0, send(), (*reply.Sequence).Cancel, nil},
		{"cancelled behind values", 0, send("1", "2"), (*reply.Sequence).Cancel, []string{"1"}},
		{"a null value", 0, func(_ *testing.T, s *reply.Sequence) {
			_, _ = s.Send(nil), s.Send(nil)
		}, (*reply.Sequence).End, []string{"null", "null last"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, f := setup(t, wait), newFinish()
			s := reply.NewSequence(t.Context(), b.Publisher, to(1), tt.hold, f.done)
			tt.send(t, s)
			tt.close(s)
			if err := f.wait(t); err != nil {
				t.Errorf("done got %v", err)
			}
			// Closed, it takes nothing more.
			for range 2 {
				if err := s.Send([]byte("late")); !errors.Is(err, reply.ErrFinished) {
					t.Errorf("Send after the end = %v, want %v", err, reply.ErrFinished)
				}
				s.End()
				s.Fail(denied)
				s.Cancel()
			}
			if diff := cmp.Diff(tt.want, b.stored(t, 1)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			f.once(t)
		})
	}
}

// When nothing follows a value soon, it goes out alone, and the mark later
// alone.
func TestSequenceSendsAValueWhenItsHoldIsOver(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	arrived, release := b.hold(t)
	release()
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), time.Millisecond, f.done)
	for _, v := range []string{"1", "2"} {
		if err := s.Send([]byte(v)); err != nil {
			t.Fatal(err)
		}
		<-arrived
	}
	s.End()
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if diff := cmp.Diff([]string{"1", "2", "null last"}, b.stored(t, 0)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f.once(t)
}

func TestSequenceKeepsTheOrderOfManyValues(t *testing.T) {
	t.Parallel()
	for _, hold := range []time.Duration{0, time.Microsecond, never} {
		b, f := setup(t, wait), newFinish()
		s := reply.NewSequence(t.Context(), b.Publisher, to(0), hold, f.done)
		const values = 2_000
		want := make([]string, values)
		for i := range want {
			want[i] = fmt.Sprint(i)
			if err := s.Send([]byte(want[i])); err != nil {
				t.Fatal(err)
			}
		}
		s.Fail(denied)
		if err := f.wait(t); err != nil {
			t.Errorf("done got %v", err)
		}
		if diff := cmp.Diff(append(want, deniedLine), b.stored(t, 0)); diff != "" {
			t.Errorf("hold %v: records (-want +got):\n%s", hold, diff)
		}
		f.once(t)
	}
}

// Whoever sends and ends at once: each value that was accepted is stored, and
// nothing comes behind the end.
func TestSequenceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), time.Microsecond, f.done)
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		accepted = map[string]bool{}
	)
	for sender := range 8 {
		wg.Go(func() {
			for i := range 200 {
				v := fmt.Sprint(sender, "-", i)
				switch err := s.Send([]byte(v)); {
				case err == nil:
					mu.Lock()
					accepted[v] = true
					mu.Unlock()
				case !errors.Is(err, reply.ErrFinished):
					t.Errorf("Send = %v", err)
				}
				if sender == 0 && i == 150 {
					wg.Go(func() { s.Fail(denied) })
					wg.Go(func() { s.Fail(denied) })
				}
			}
		})
	}
	wg.Wait()
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	lines := b.stored(t, 0)
	if last := lines[len(lines)-1]; last != deniedLine {
		t.Errorf("the last record is %q, want the error", last)
	}
	for _, l := range lines[:len(lines)-1] {
		if !accepted[l] {
			t.Errorf("%q was stored twice, or although Send refused it", l)
		}
		delete(accepted, l)
	}
	if len(accepted) != 0 {
		t.Errorf("%d accepted values were not stored", len(accepted))
	}
	f.once(t)
}

// A stream faster than the broker waits, and its memory stays bounded.
func TestSequenceWaitsWhileManyValuesAreUnderWay(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	arrived, release := b.hold(t)
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, f.done)
	const values, window = 1_000, 256
	sent := make(chan int, values)
	go func() {
		defer s.End()
		for i := range values {
			if err := s.Send(fmt.Append(nil, i)); err != nil {
				t.Errorf("Send = %v", err)
			}
			sent <- i
		}
	}()
	<-arrived
	for range window + 1 { // one is held
		<-sent
	}
	if n := len(sent); n != 0 {
		t.Errorf("%d values were accepted beyond the %d under way", n, window)
	}
	release()
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	if n := len(b.stored(t, 0)); n != values {
		t.Errorf("%d records, want %d", n, values)
	}
}

// A sender that waits for room must learn of the end.
func TestSequenceThatIsFullCanBeCancelled(t *testing.T) {
	t.Parallel()
	b, f := setup(t, wait), newFinish()
	arrived, release := b.hold(t)
	s := reply.NewSequence(t.Context(), b.Publisher, to(0), 0, f.done)
	refused := make(chan error)
	go func() {
		for {
			if err := s.Send([]byte("x")); err != nil {
				refused <- err
				return
			}
		}
	}()
	<-arrived
	s.Cancel()
	if err := <-refused; !errors.Is(err, reply.ErrFinished) {
		t.Errorf("Send = %v, want %v", err, reply.ErrFinished)
	}
	select {
	case <-f.ended:
		t.Error("done was called while records were under way")
	default:
	}
	release()
	if err := f.wait(t); err != nil {
		t.Errorf("done got %v", err)
	}
	f.once(t)
}
