package siskin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// A stream that is still open when the service stops ends with an error for its
// caller, and is not begun again by the next member.
func TestStreamsGetALastAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Drain = 50 * time.Millisecond
	ticks := siskin.NewRPC[string, int](siskintest.Name("ticks"))
	entered, hold := make(chan error, 2), make(chan struct{})
	svc := b.service()
	ticks.HandleStream(svc, func(ctx context.Context, _ string, send func(int) error) error {
		if err := send(1); err != nil {
			return err
		}
		<-ctx.Done()
		entered <- context.Cause(ctx)
		<-hold // it does not even return
		return nil
	})
	cancel, ended := b.start(svc)
	client := b.client()
	n := 0
	for _, err := range ticks.Stream(b.ctx(), client, "") {
		if n++; n == 1 {
			cancel()
			continue
		}
		if siskin.CodeOf(err) != siskin.CodeUnavailable || !strings.Contains(err.Error(), "stops") {
			t.Errorf("the stream ends with %v", err)
		}
	}
	if cause := receive(t, entered); !errors.Is(cause, siskin.ErrDrained) {
		t.Errorf("the cause of the handler's context is %v, want %v", cause, siskin.ErrDrained)
	}
	if err := receive(t, ended); err == nil {
		t.Error("Run does not tell of the handler that was cut off")
	}
	close(hold)
	if at := b.committed(svc, ticks.Pattern()); at != 1 {
		t.Errorf("committed %d, want 1: the caller has its answer", at)
	}
}

// Abort waits for nobody, and what was not finished comes again.
func TestAbort(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Drain = time.Hour
	note := siskin.NewEvent[string](siskintest.Name("note"))
	entered := make(chan string, 4)
	svc := b.service()
	note.On(svc, func(ctx context.Context, s string) error {
		entered <- s
		<-ctx.Done()
		return ctx.Err()
	})
	cancel, ended := b.start(svc)
	emit(t, b, b.client(), note, "", "x")
	receive(t, entered)
	cancel()
	svc.Abort()
	if err := receive(t, ended); err == nil || !strings.Contains(err.Error(), "delivered again") {
		t.Errorf("Run = %v", err)
	}
	again := b.service()
	got := make(chan string, 1)
	note.On(again, func(_ context.Context, s string) error { got <- s; return nil })
	b.run(again)
	if s := receive(t, got); s != "x" {
		t.Errorf("got %q", s)
	}
}

// A retry that rests does not hold up the stop, and comes again.
func TestARetryDoesNotHoldUpTheStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Drain = time.Hour
	note := siskin.NewEvent[string](siskintest.Name("note"))
	attempts := make(chan int, 4)
	serve := func() func() error {
		svc := b.service()
		note.On(svc, func(ctx context.Context, _ string) error {
			d, _ := siskin.DeliveryFrom(ctx)
			attempts <- d.Attempt()
			return siskin.RetryAfter(time.Hour, errors.New("later"))
		})
		return b.run(svc)
	}
	stop := serve()
	emit(t, b, b.client(), note, "", "x")
	receive(t, attempts)
	wait(t, b.watch, func(e events.HandlerFailed) bool { return e.Next == "retry" })
	if err := stop(); err != nil {
		t.Error(err)
	}
	stop = serve()
	if n := receive(t, attempts); n != 1 {
		t.Errorf("attempt %d, want the first one again", n)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
