package siskin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// collect reads a stream to its end.
func collect[T any](stream func(func(T, error) bool)) ([]T, error) {
	var got []T
	for v, err := range stream {
		if err != nil {
			return got, err
		}
		got = append(got, v)
	}
	return got, nil
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestStreamsOfEveryLength(t *testing.T) {
	t.Parallel()
	b := setup(t)
	countTo := siskin.NewRPC[int, int](siskintest.Name("count"))
	svc := b.service()
	countTo.HandleStream(svc, func(_ context.Context, n int, send func(int) error) error {
		for i := range n {
			if err := send(i); err != nil {
				return err
			}
		}
		return nil
	})
	b.run(svc)
	b.cfg.StreamBuffer = 1_000
	client := b.client()
	for _, n := range []int{0, 1, 2, 600} {
		got, err := collect(countTo.Stream(b.ctx(), client, n))
		if err != nil || len(got) != n || n > 0 && !cmp.Equal(got, numbers(n)) {
			t.Errorf("%d: got %v, %v", n, got, err)
		}
	}
}

func TestAStreamThatEndsLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	late := siskin.NewRPC[string, string](siskintest.Name("late"))
	release := make(chan struct{})
	svc := b.service()
	late.HandleStream(svc, func(ctx context.Context, s string, send func(string) error) error {
		if err := send(s); err != nil {
			return err
		}
		<-release // the caller has the value before the stream ends
		return nil
	})
	b.run(svc)
	var got []string
	for s, err := range late.Stream(b.ctx(), b.client(), "x") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
		close(release)
	}
	if diff := cmp.Diff([]string{"x"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAStreamThatFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broken := siskin.NewRPC[int, int](siskintest.Name("broken"))
	svc := b.service()
	broken.HandleStream(svc, func(_ context.Context, n int, send func(int) error) error {
		for i := range n {
			if err := send(i); err != nil {
				return err
			}
		}
		return siskin.Errorf(siskin.CodeConflict, "no more")
	})
	b.run(svc)
	client := b.client()
	for _, n := range []int{0, 3} {
		got, err := collect(broken.Stream(b.ctx(), client, n))
		if siskin.CodeOf(err) != siskin.CodeConflict || len(got) != n {
			t.Errorf("%d: got %v, %v", n, got, err)
		}
	}
}

func TestLeavingAStreamEndsTheCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.MaxPending = 1
	forever := siskin.NewRPC[string, int](siskintest.Name("forever"))
	svc := b.service()
	stop := make(chan struct{})
	forever.HandleStream(svc, func(ctx context.Context, _ string, send func(int) error) error {
		if err := send(1); err != nil {
			return err
		}
		<-stop
		return nil
	})
	b.run(svc)
	client := b.client()
	for range forever.Stream(b.ctx(), client, "") {
		break
	}
	close(stop)
	// With room for one call only, the next one works if the first is over.
	if got, err := collect(forever.Stream(b.ctx(), client, "")); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSendTakesTheFirstValueOfAStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	two := siskin.NewRPC[string, int](siskintest.Name("two"))
	svc := b.service()
	two.HandleStream(svc, func(_ context.Context, _ string, send func(int) error) error {
		return errors.Join(send(1), send(2))
	})
	b.run(svc)
	if got, err := two.Send(b.ctx(), b.client(), ""); got != 1 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestASlowReaderFailsOnlyItsOwnCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	flood := siskin.NewRPC[int, int](siskintest.Name("flood"))
	svc := b.service()
	flood.HandleStream(svc, func(_ context.Context, n int, send func(int) error) error {
		for i := range n {
			if err := send(i); err != nil {
				return err
			}
		}
		return nil
	})
	b.run(svc)
	b.cfg.StreamBuffer = 4
	client := b.client()
	next := make(chan struct{})
	var failed error
	for _, err := range flood.Stream(b.ctx(), client, 2_000) {
		if err != nil {
			failed = err
			break
		}
		if next != nil {
			// While this reader holds still, another call goes through. It
			// comes behind the flood on the same partition, so by its
			// reply all values of the flood have arrived.
			if got, err := flood.Send(b.ctx(), client, 1); got != 0 || err != nil {
				t.Errorf("the neighbour got %d, %v", got, err)
			}
			next = nil
		}
	}
	if !errors.Is(failed, siskin.ErrSlowReader) {
		t.Errorf("got %v", failed)
	}
}

func TestAHandlerCannotSendAfterItsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	kept := make(chan func(int) error, 1)
	leak := siskin.NewRPC[string, int](siskintest.Name("leak"))
	svc := b.service()
	leak.HandleStream(svc, func(_ context.Context, _ string, send func(int) error) error {
		kept <- send
		return nil
	})
	b.run(svc)
	if _, err := collect(leak.Stream(b.ctx(), b.client(), "", siskin.WithTimeout(time.Minute))); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, kept)(1); !errors.Is(err, siskin.ErrReplyEnded) {
		t.Errorf("got %v", err)
	}
}
