//go:build synctests

package siskin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
)

func TestVirtualABatchBeginsAfterItsWait(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.StuckAfter = time.Hour
		bb := b.batch(100, fine, siskin.BatchWait(7*time.Minute))
		client := b.client()
		emit(t, b, client, bb.topic, "", "a")
		began := time.Now()
		time.Sleep(3 * time.Minute)
		emit(t, b, client, bb.topic, "", "b")
		if got := (<-bb.calls).String(); got != "a1 b1" {
			t.Errorf("the batch has %q", got)
		}
		about(t, "the batch began", time.Since(began), 7*time.Minute)
	})
}

// The timeout is for one call with a whole batch, and then for one with each record.
func TestVirtualTheTimeoutOfABatch(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.RetryAttempts, b.cfg.RetryInitial = 2, time.Millisecond
		began := time.Now()
		bb := b.batch(3, func(ctx context.Context, values []string) error {
			if slices.Contains(values, "slow") {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, siskin.WithTimeout(10*time.Second))
		emit(t, b, b.client(), bb.topic, "", "a", "slow", "c")
		if got, want := bb.sorted(4), []string{"a1 slow1 c1", "a2", "c2", "slow2"}; !slices.Equal(got, want) {
			t.Errorf("the calls are %q, want %q", got, want)
		}
		e := wait(t, b.watch, func(e events.Handled) bool { return e.Outcome != "done" })
		if siskin.CodeOf(e.Err) != siskin.CodeTimeout || e.Offset != 1 || e.Outcome != "dead-lettered" {
			t.Errorf("record %d is %s: %v", e.Offset, e.Outcome, e.Err)
		}
		about(t, "the dead letter came", time.Since(began), 20*time.Second)
	})
}

// A batch that waits is no reason to wait with a stop.
func TestVirtualAStopLetsGoOfABatchThatWaits(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.StuckAfter, b.cfg.Drain = time.Hour, 20*time.Minute
		bb := b.batch(100, fine, siskin.BatchWait(10*time.Minute))
		emit(t, b, b.client(), bb.topic, "", "a")
		time.Sleep(time.Minute)
		began := time.Now()
		if err := bb.stop(); err != nil {
			t.Error(err)
		}
		about(t, "the service stopped", time.Since(began), 0)
		bb.serve(1, fine)
		if got := (<-bb.calls).String(); got != "a1" {
			t.Errorf("the next owner gets %q", got)
		}
	})
}

// A partition that moves takes what waits for its batch along at once; the batch of
// the one that stays is not touched.
func TestVirtualARebalanceLetsGoOfABatchThatWaits(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.StuckAfter, b.cfg.Partitions = time.Hour, 2
		first := b.batch(100, fine, siskin.BatchWait(10*time.Minute))
		client := b.client()
		for i := range 20 {
			if _, err := first.topic.Emit(t.Context(), client, fmt.Sprint(i), siskin.WithPartition(int32(i%2))); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		time.Sleep(time.Minute)
		second := &batching{bundle: b, topic: first.topic, calls: make(chan call, 100)}
		second.serve(100, fine, siskin.BatchWait(10*time.Minute))
		seen := make(map[string]int)
		take := func(who string, c call, want time.Duration) {
			if len(c.values) != 10 || c.deliveries[0].Offset() != 0 {
				t.Errorf("the %s member's batch is %v", who, c)
			}
			for _, v := range c.values {
				seen[v]++
			}
			if got := time.Since(began); got < want || got > want+10*time.Second { // a join takes some seconds
				t.Errorf("the %s member's batch began after %v, want %v", who, got, want)
			}
		}
		take("first", <-first.calls, 10*time.Minute)
		take("second", <-second.calls, 11*time.Minute)
		for v, n := range seen {
			if n != 1 {
				t.Errorf("record %s was handled %d times", v, n)
			}
		}
	})
}

// The delay before the next attempt is one for a whole batch, also where its records
// wait for each other.
func TestVirtualTheDelayAfterABatchIsOne(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.RetryInitial, b.cfg.RetryLongest, b.cfg.QueueLimit = 5*time.Second, 5*time.Second, 100
		bb := b.batch(100, func(_ context.Context, values []string) error {
			if len(values) > 1 {
				return errors.New("the database is away for a moment")
			}
			return nil
		}, siskin.Ordered())
		began := time.Now()
		emit(t, b, b.client(), bb.topic, "", make([]string, 100)...)
		for range 101 {
			<-bb.calls
		}
		if took := time.Since(began); took < 4*time.Second || took > 7*time.Second {
			t.Errorf("the records were tried again after %v, want about 5 s", took)
		}
	})
}
