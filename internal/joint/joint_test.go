package joint_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/joint"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errForbidden = errors.New("forbidden")

// broker answers questions, each after a while, and keeps them.
type broker struct {
	after func(names []string) time.Duration

	mu        sync.Mutex
	questions [][]string
}

func (b *broker) ask(ctx context.Context, names ...string) ([]string, error) {
	b.mu.Lock()
	b.questions = append(b.questions, slices.Clone(names))
	b.mu.Unlock()
	select {
	case <-time.After(b.after(names)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if slices.Contains(names, "forbidden") {
		return nil, errForbidden
	}
	return names, nil
}

func always(d time.Duration) func([]string) time.Duration {
	return func([]string) time.Duration { return d }
}

func TestWhoComesWhileAQuestionIsUnderWaySharesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{after: always(10 * time.Millisecond)}
		a := joint.New(b.ask)
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				time.Sleep(time.Duration(min(i, 1)) * time.Millisecond) // the first comes alone
				name := fmt.Sprint("topic-", i)
				if answer, err := a.Ask(t.Context(), name); err != nil || !slices.Contains(answer, name) {
					t.Errorf("asked for %s: %q, %v", name, answer, err)
				}
			})
		}
		all.Wait()
		if len(b.questions) != 2 || len(b.questions[0]) != 1 || len(b.questions[1]) != 63 {
			t.Errorf("questions: %q, want one of 1 name and one of 63", b.questions)
		}
	})
}

func TestAnErrorIsForNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{after: always(10 * time.Millisecond)}
		a := joint.New(b.ask)
		var all sync.WaitGroup
		for _, name := range []string{"first", "second", "forbidden", "third"} {
			all.Go(func() {
				_, err := a.Ask(t.Context(), name)
				if want := name == "forbidden"; errors.Is(err, errForbidden) != want {
					t.Errorf("asked for %s: %v", name, err)
				}
			})
		}
		all.Wait()
	})
}

func TestASlowAnswerHoldsUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{after: func(names []string) time.Duration {
			if slices.Contains(names, "slow") {
				return time.Minute
			}
			return time.Millisecond
		}}
		a := joint.New(b.ask)
		var all sync.WaitGroup
		for _, name := range []string{"slow", "quick", "fast"} {
			all.Go(func() {
				began := time.Now()
				if _, err := a.Ask(t.Context(), name); err != nil {
					t.Errorf("asked for %s: %v", name, err)
				}
				if took := time.Since(began); name != "slow" && took > time.Second {
					t.Errorf("the answer for %s took %v", name, took)
				}
			})
			synctest.Wait()
		}
		all.Wait()
	})
}

func TestTheEndOfOneCallEndsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &broker{after: always(50 * time.Millisecond)}
		a := joint.New(b.ask)
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := a.Ask(t.Context(), "first"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond) // in the middle of the second question
		defer cancel()
		all.Go(func() {
			if _, err := a.Ask(short, "short"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a call whose time was over: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := a.Ask(t.Context(), "long"); err != nil {
				t.Errorf("a call beside one whose time was over: %v", err)
			}
		})
		all.Wait()
	})
}

// Whatever comes when, each gets an answer about its own name, in bounded time.
func TestEachIsAnswered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		callers := rapid.IntRange(1, 40).Draw(rt, "callers")
		type caller struct{ at, gives time.Duration }
		plan := make([]caller, callers)
		for i := range plan {
			plan[i] = caller{
				at:    time.Duration(rapid.IntRange(0, 50).Draw(rt, "at")) * time.Millisecond,
				gives: time.Duration(rapid.IntRange(1, 2_000).Draw(rt, "gives up after")) * time.Millisecond,
			}
		}
		takes := time.Duration(rapid.IntRange(0, 300).Draw(rt, "an answer takes")) * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			b := &broker{after: always(takes)}
			a := joint.New(b.ask)
			var all sync.WaitGroup
			for i, c := range plan {
				all.Go(func() {
					time.Sleep(c.at)
					ctx, cancel := context.WithTimeout(t.Context(), c.gives)
					defer cancel()
					began, name := time.Now(), fmt.Sprint(i)
					answer, err := a.Ask(ctx, name)
					took := time.Since(began)
					switch {
					case err == nil && !slices.Contains(answer, name):
						t.Errorf("asked for %s: %q", name, answer)
					case err != nil && !errors.Is(err, context.DeadlineExceeded):
						t.Errorf("asked for %s: %v", name, err)
					case err != nil && took < c.gives:
						t.Errorf("given up after %v of %v: %v", took, c.gives, err)
					case took > c.gives || took > 2*time.Second:
						t.Errorf("took %v of %v", took, c.gives)
					}
				})
			}
			all.Wait()
		})
	})
}
