package deadline_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/deadline"
)

func lazy(ctx context.Context, left time.Duration) *deadline.Lazy {
	l := new(deadline.Lazy)
	l.Init(ctx, time.Now().Add(left))
	return l
}

func TestLazyEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lazy(t.Context(), time.Minute)
		if err := l.Err(); err != nil {
			t.Errorf("before its time it ended with %v", err)
		}
		time.Sleep(time.Minute)
		<-l.Done()
		l.Cancel()
		if err := l.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v, want the deadline, also after Cancel", err)
		}
	})
}

func TestLazyIsCanceledForThoseWhoWaitLater(t *testing.T) {
	t.Parallel()
	l := lazy(t.Context(), time.Hour)
	l.Cancel()
	<-l.Done()
	if err := l.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v, want a cancellation", err)
	}
}

func TestLazyHasTheSoonerDeadline(t *testing.T) {
	t.Parallel()
	outer, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := outer.Deadline()
	if got, ok := lazy(outer, time.Hour).Deadline(); !ok || !got.Equal(want) {
		t.Errorf("its deadline is %v, %v, want that of the outer context, %v", got, ok, want)
	}
}

// However Cancel and the first waits meet, all of them end, with one reason.
func TestLazyMeetsItsCancel(t *testing.T) {
	t.Parallel()
	for range 200 {
		l := lazy(t.Context(), time.Hour)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				<-l.Done()
				if err := l.Err(); !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v, want a cancellation", err)
				}
			})
		}
		all.Go(l.Cancel)
		all.Wait()
	}
}
