//go:build synctests

package siskin_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin"
)

// Each attempt comes when it is due.
func TestVirtualRetriesAreDue(t *testing.T) {
	for name, order := range map[string]bool{"": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bundle) {
				note := siskin.NewEvent[string]("note")
				at := make(chan time.Time, 10)
				svc := b.service()
				note.On(svc, func(context.Context, string) error {
					at <- time.Now()
					return errors.New("never")
				}, siskin.RetryTopic(siskin.Retry{Attempts: 6, Initial: time.Minute, Longest: 5 * time.Minute, KeepOrder: order}))
				b.run(svc)
				if _, err := note.Emit(t.Context(), b.client(), "x", siskin.WithKey("k")); err != nil {
					t.Fatal(err)
				}
				last := <-at
				for _, middle := range []time.Duration{1, 2, 4, 5, 5} {
					next := <-at
					low, high := middle*time.Minute*8/10, min(middle*time.Minute*12/10, 5*time.Minute)
					if d := next.Sub(last); d < low || d > high+time.Second {
						t.Errorf("the next attempt came after %v, want %v to %v", d, low, high)
					}
					last = next
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(at) > 0 {
					t.Error("there was one attempt more")
				}
			})
		})
	}
}

// What is due sooner does not wait for what is due later, although it was written
// behind it.
func TestVirtualDelaysDoNotWaitForEachOther(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		note := siskin.NewEvent[time.Duration]("note")
		type run struct {
			wanted time.Duration
			after  time.Duration
		}
		got := make(chan run, 10)
		began := make(map[time.Duration]time.Time)
		svc := b.service()
		note.On(svc, func(ctx context.Context, delay time.Duration) error {
			if d, _ := siskin.DeliveryFrom(ctx); d.Attempt() == 1 {
				began[delay] = time.Now()
				return siskin.RetryAfter(delay, errors.New("not yet"))
			}
			got <- run{delay, time.Since(began[delay])}
			return nil
		}, siskin.RetryTopic(siskin.Retry{Longest: 24 * time.Hour}), siskin.WithConcurrency(1))
		b.run(svc)
		client := b.client()
		for _, delay := range []time.Duration{30 * time.Minute, 20 * time.Second, 5 * time.Minute, 2 * time.Second} {
			if _, err := note.Emit(t.Context(), client, delay); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []time.Duration{2 * time.Second, 20 * time.Second, 5 * time.Minute, 30 * time.Minute} {
			r := <-got
			if r.wanted != want {
				t.Errorf("%v came, want %v", r.wanted, want)
			}
			about(t, "it came", r.after, r.wanted)
		}
	})
}
