//go:build synctests

package siskin_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// virtual runs test in virtual time: the clock moves only when everybody waits,
// and then at once. So these tests can say exactly when something happens. The
// Kafka client needs the build tag synctests for that.
func virtual(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:9092", ListenFunc: network.Listen})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { broker.Close() })
		w := &watch{seen: make(chan struct{}, 1)}
		test(t, &bundle{t: t, watch: w, cfg: siskin.Config{
			Brokers: broker.Addrs(), Group: "group", Logger: siskintest.Quiet(), Observe: w.observe,
			Kafka: []kgo.Opt{kgo.Dialer(network.DialContext)},
		}})
	})
}

// about allows for the time that the connections themselves wait.
func about(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want || got > want+time.Second {
		t.Errorf("%s after %v, want %v", what, got, want)
	}
}

func TestVirtualACallEndsAtItsDeadline(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		nobody := siskin.NewRPC[string, string]("nobody")
		client := b.client()
		for _, want := range []time.Duration{30 * time.Second, 7 * time.Minute} {
			began := time.Now()
			var opts []siskin.CallOption
			if want != 30*time.Second { // the default
				opts = append(opts, siskin.WithTimeout(want))
			}
			_, err := nobody.Send(t.Context(), client, "x", opts...)
			if !errors.Is(err, siskin.ErrNoReply) {
				t.Errorf("got %v", err)
			}
			about(t, "the call ended", time.Since(began), want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := nobody.Send(ctx, client, "x"); !errors.Is(err, siskin.ErrNoReply) {
			t.Errorf("got %v", err)
		}
		about(t, "the call with a context ended", time.Since(began), 3*time.Second)
	})
}

func TestVirtualTheDeadlineReachesTheHandler(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		slow := siskin.NewRPC[string, string]("slow")
		took := make(chan time.Duration, 1)
		svc := b.service()
		slow.Handle(svc, func(ctx context.Context, _ string) (string, error) {
			began := time.Now()
			<-ctx.Done()
			took <- time.Since(began)
			return "", ctx.Err()
		})
		b.run(svc)
		_, err := slow.Send(t.Context(), b.client(), "x", siskin.WithTimeout(10*time.Minute))
		if code := siskin.CodeOf(err); code != siskin.CodeTimeout {
			t.Errorf("the caller got %v", err)
		}
		about(t, "the handler ended", <-took, 10*time.Minute-time.Second)
	})
}

func TestVirtualAHandlerTimeout(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		slow := siskin.NewRPC[string, string]("slow")
		svc := b.service()
		slow.Handle(svc, func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}, siskin.WithTimeout(2*time.Second))
		b.run(svc)
		client := b.client()
		if err := client.Ready(t.Context(), slow); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := slow.Send(t.Context(), client, "x")
		if e, ok := errors.AsType[*siskin.Error](err); !ok || !e.Remote || e.Code != siskin.CodeTimeout {
			t.Errorf("the caller got %v", err)
		}
		about(t, "the answer came", time.Since(began), 2*time.Second)
	})
}

func TestVirtualARequestWhoseCallerHasGivenUpIsNotRun(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		b.cfg.StartFrom = "beginning"
		work := siskin.NewRPC[string, string]("work")
		client := b.client()
		_, err := work.Send(t.Context(), client, "old", siskin.WithTimeout(time.Second))
		if !errors.Is(err, siskin.ErrNoReply) {
			t.Fatalf("got %v", err)
		}
		time.Sleep(6 * time.Second) // virtual: more than the clocks may differ
		ran := make(chan string, 2)
		svc := b.service()
		work.Handle(svc, func(_ context.Context, s string) (string, error) { ran <- s; return s, nil })
		b.run(svc)
		if _, err := work.Send(t.Context(), client, "new"); err != nil {
			t.Fatal(err)
		}
		if s := <-ran; s != "new" {
			t.Errorf("the handler ran for %q", s)
		}
		wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "expired" && e.Offset == 0 })
	})
}

// Heartbeats never wait for a handler: an hour is 600 sessions.
func TestVirtualAHandlerThatBlocksKeepsItsPartition(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		work := siskin.NewRPC[string, string]("work")
		svc := b.service()
		work.Handle(svc, func(_ context.Context, s string) (string, error) {
			if s == "slow" {
				time.Sleep(time.Hour) // virtual
			}
			return s, nil
		})
		b.run(svc)
		client := b.client()
		slow := make(chan error, 1)
		go func() {
			_, err := work.Send(t.Context(), client, "slow", siskin.WithTimeout(2*time.Hour))
			slow <- err
		}()
		for range 10 {
			time.Sleep(5 * time.Minute) // virtual
			if _, err := work.Send(t.Context(), client, "quick"); err != nil {
				t.Errorf("beside the one that blocks: %v", err)
			}
		}
		if err := <-slow; err != nil {
			t.Errorf("the one that blocked: %v", err)
		}
		if n := count(b.watch, func(events.PartitionsRevoked) bool { return true }); n != 0 {
			t.Errorf("the partition was given up %d times", n)
		}
		if n := count(b.watch, func(e events.RecordStuck) bool { return e.Offset == 0 }); n != 1 {
			t.Errorf("the record that blocks was named %d times, want once", n)
		}
	})
}

func TestVirtualRetryAfter(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		note := siskin.NewEvent[string]("note")
		at := make(chan time.Time, 10)
		svc := b.service()
		note.On(svc, func(ctx context.Context, _ string) error {
			at <- time.Now()
			if d, _ := siskin.DeliveryFrom(ctx); d.Attempt() == 1 {
				return siskin.RetryAfter(3*time.Hour, nil)
			}
			return nil
		})
		b.run(svc)
		if _, err := note.Emit(t.Context(), b.client(), "x"); err != nil {
			t.Fatal(err)
		}
		first := <-at
		about(t, "the second attempt came", (<-at).Sub(first), 3*time.Hour)
	})
}

func TestVirtualBackoffOfAnEvent(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		note := siskin.NewEvent[string]("note")
		at := make(chan time.Time, 10)
		svc := b.service()
		note.On(svc, func(context.Context, string) error { at <- time.Now(); return errors.New("no") })
		b.run(svc)
		if _, err := note.Emit(t.Context(), b.client(), "x"); err != nil {
			t.Fatal(err)
		}
		last := <-at
		for i, want := range []time.Duration{200, 400, 800, 1600} {
			now := <-at
			want *= time.Millisecond
			if d := now.Sub(last); d < want*79/100 || d > want*121/100 {
				t.Errorf("delay %d is %v, want %v ± 20 %%", i+1, d, want)
			}
			last = now
		}
		wait(t, b.watch, func(e events.Handled) bool { return e.Outcome == "dead-lettered" && e.Attempts == 5 })
	})
}

func TestVirtualAStreamThatFallsSilent(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		ticks := siskin.NewRPC[string, int]("ticks")
		stop := make(chan struct{})
		svc := b.service()
		ticks.HandleStream(svc, func(_ context.Context, _ string, send func(int) error) error {
			for i := range 3 {
				time.Sleep(25 * time.Second) // virtual, within the idle limit
				if err := send(i); err != nil {
					return err
				}
			}
			<-stop
			return nil
		})
		b.run(svc)
		began := time.Now()
		got, err := collect(ticks.Stream(t.Context(), b.client(), ""))
		close(stop)
		if !errors.Is(err, siskin.ErrStreamIdle) || len(got) != 3 {
			t.Errorf("got %v, %v", got, err)
		}
		about(t, "the stream ended", time.Since(began), 105*time.Second)
	})
}

// The timeout of a stream is for its first value: a long stream is not cut.
func TestVirtualALongStreamOutlivesItsTimeout(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		ticks := siskin.NewRPC[int, int]("ticks")
		svc := b.service()
		ticks.HandleStream(svc, func(ctx context.Context, n int, send func(int) error) error {
			for i := range n {
				select {
				case <-time.After(500 * time.Millisecond):
				case <-ctx.Done():
					return ctx.Err()
				}
				if err := send(i); err != nil {
					return err
				}
			}
			return nil
		})
		b.run(svc)
		got, err := collect(ticks.Stream(t.Context(), b.client(), 20, siskin.WithTimeout(2*time.Second)))
		if err != nil || len(got) != 20 {
			t.Errorf("got %d values, %v", len(got), err)
		}
	})
}

// A request that names a partition which its reply topic does not have harms nobody
// else who has replies there, also when the topic would have been forgotten.
func TestVirtualAMissingReplyPartitionFailsNoOthers(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		echo := siskin.NewRPC[int, int]("echo")
		svc := b.service()
		echo.Handle(svc, func(_ context.Context, i int) (int, error) { return i, nil })
		b.run(svc)
		client := b.client()
		call := func(i int) {
			if v, err := echo.Send(t.Context(), client, i); err != nil || v != i {
				t.Errorf("call %d: got %d, %v", i, v, err)
			}
		}
		call(1)
		stray := kgo.Record{Topic: "echo", Value: []byte("2")}
		nestjs.Dialect{}.WriteRequest(&stray, dialect.Request{
			CorrelationID: []byte("id"), ReplyTopic: "echo.reply", ReplyPartition: 99,
		})
		stranger, err := kgo.NewClient(append(b.cfg.Kafka, kgo.SeedBrokers(b.cfg.Brokers...))...)
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		if err := stranger.ProduceSync(t.Context(), &stray).FirstErr(); err != nil {
			t.Fatal(err)
		}
		wait(t, b.watch, func(e events.ReplyLost) bool { return e.ReplyPartition == 99 })
		time.Sleep(time.Minute)
		for i := range 10 {
			call(3 + i)
		}
	})
}
