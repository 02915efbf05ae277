package siskin_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Callers who give up fail no others, at whatever moment they do.
func TestCancelledCallsFailNoOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const callers = 10_000
	b.cfg.MaxPending = callers
	rpc := siskin.NewRPC[int, int](siskintest.Name("echo"))
	svc := b.service()
	rpc.Handle(svc, func(_ context.Context, i int) (int, error) { return -i, nil })
	b.run(svc)
	client := b.client()
	// Each caller who gets an answer makes another one, picked at random, give
	// up: before it calls, while it waits, or too late.
	fickle := make([]context.Context, callers/2)
	giveUp := make([]context.CancelFunc, callers/2)
	for i := range fickle {
		fickle[i], giveUp[i] = context.WithCancel(b.ctx())
		defer giveUp[i]()
	}
	rand.Shuffle(len(giveUp), func(i, j int) { giveUp[i], giveUp[j] = giveUp[j], giveUp[i] })
	steady := b.ctx()
	var wg sync.WaitGroup
	var cancelled atomic.Int32
	for i := range callers / 2 {
		wg.Go(func() {
			if v, err := rpc.Send(steady, client, i); err != nil || v != -i {
				t.Errorf("caller %d got %d, %v", i, v, err)
			}
			giveUp[i]()
		})
		wg.Go(func() {
			v, err := rpc.Send(fickle[i], client, callers+i)
			switch {
			case errors.Is(err, context.Canceled):
				cancelled.Add(1)
			case err != nil || v != -callers-i:
				t.Errorf("caller %d, who may give up, got %d, %v", i, v, err)
			}
		})
	}
	wg.Wait()
	if cancelled.Load() == 0 {
		t.Error("nobody gave up, so this shows nothing")
	}
}

// One of three partitions of the request topic has a dead leader. It holds a few
// calls; those that come then go round it.
func TestRequestsGoRoundADeadLeader(t *testing.T) {
	t.Parallel()
	const dead, slots, wanted = 0, 30, 1_000
	name := siskintest.Name("echo")
	b := &bundle{t: t, cfg: siskintest.Config(t), watch: &watch{seen: make(chan struct{}, 1)}}
	brokers, revive := threeBrokers(t, name, dead, dead+1)
	defer revive() // or the client could not be closed
	b.cfg.Brokers = brokers
	rpc := siskin.NewRPC[int, int](name)
	svc := b.service()
	rpc.Handle(svc, func(_ context.Context, i int) (int, error) { return -i, nil })
	b.run(svc)
	client := b.client()
	ctx, cancel := context.WithCancel(b.ctx())
	free, answered := make(chan struct{}, slots), make(chan struct{}, wanted+slots)
	var wg sync.WaitGroup
	var held atomic.Int32
	call := func(i int) {
		v, err := rpc.Send(ctx, client, i)
		switch {
		case errors.Is(err, context.Canceled):
			held.Add(1) // its slot stays taken
			return
		case err != nil || v != -i:
			t.Errorf("call %d got %d, %v", i, v, err)
		}
		answered <- struct{}{}
		<-free
	}
	for i := range wanted + slots/2 { // most slots would be lost if calls went on to the dead leader
		select {
		case free <- struct{}{}:
			wg.Go(func() { call(i) })
		case <-ctx.Done():
			t.Fatalf("after %d answers, all %d calls under way are held", len(answered), slots)
		}
	}
	for range wanted {
		receive(t, answered)
	}
	cancel()
	wg.Wait()
	if n := held.Load(); n == 0 || n > slots/2 {
		t.Errorf("the dead leader held %d of %d calls at a time, want a few", n, slots)
	}
}

// Replies to a leader that stores nothing are lost when there are too many of
// them, are told of, and hold no offset.
func TestRepliesBeyondTheRoomAreLost(t *testing.T) {
	t.Parallel()
	const dead, calls = 1, 60
	name := siskintest.Name("echo")
	b := &bundle{t: t, cfg: siskintest.Config(t), watch: &watch{seen: make(chan struct{}, 1)}}
	b.cfg.Observe, b.cfg.Kafka = b.watch.observe, []kgo.Opt{kgo.MaxBufferedRecords(100)}
	brokers, revive := threeBrokers(t, name, dead, dead)
	defer revive()
	b.cfg.Brokers = brokers
	rpc := siskin.NewRPC[int, int](name)
	svc := b.service()
	rpc.Handle(svc, func(_ context.Context, i int) (int, error) { return -i, nil })
	b.run(svc)
	client := b.client()
	ctx, cancel := context.WithCancel(b.ctx())
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { _, _ = rpc.Send(ctx, client, i) })
	}
	lost := wait(t, b.watch, func(e events.ReplyLost) bool { return errors.Is(e.Err, reply.ErrDestinationFull) })
	if lost.ReplyTopic != name+".reply" {
		t.Errorf("lost a reply to %q", lost.ReplyTopic)
	}
	wait(t, b.watch, func(e events.Handled) bool { return e.Position == lost.Position && e.Outcome == "dropped" })
	cancel()
	wg.Wait()
}

// Requests whose replies go to a dead leader do not fill the queue of their
// partition: callers with another reply topic are answered.
func TestADeadReplyTopicDoesNotFillTheQueue(t *testing.T) {
	t.Parallel()
	const dead, calls = 1, 200
	name := siskintest.Name("echo")
	b := &bundle{t: t, cfg: siskintest.Config(t), watch: &watch{seen: make(chan struct{}, 1)}}
	b.cfg.QueueLimit = 20
	brokers, revive := threeBrokers(t, name, dead, dead)
	defer revive()
	b.cfg.Brokers = brokers
	rpc := siskin.NewRPC[int, int](name)
	handled := make(chan int, 2*calls)
	svc := b.service()
	rpc.Handle(svc, func(_ context.Context, i int) (int, error) { handled <- i; return -i, nil })
	b.run(svc)
	unlucky := b.client()
	b.cfg.ReplyTopic = name + ".other.reply"
	lucky := b.client()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { _, _ = rpc.Send(ctx, unlucky, i, siskin.WithPartition(0), siskin.WithTimeout(time.Hour)) })
	}
	for range calls {
		receive(t, handled)
	}
	for i := range calls {
		if v, err := rpc.Send(b.ctx(), lucky, i, siskin.WithPartition(0)); err != nil || v != -i {
			t.Fatalf("call %d with another reply topic got %d, %v", i, v, err)
		}
	}
	cancel()
	wg.Wait()
}

// threeBrokers makes a request topic with a partition on each of three brokers,
// of which one, dead, answers no produce requests until it is revived. Broker
// replies leads its reply topic; one that lives leads the topic for others' replies.
func threeBrokers(t *testing.T, topic string, dead, replies int32) (addrs []string, revive func()) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	err = errors.Join(c.CreateTopic(topic, 3, nil), c.CreateTopic(topic+".reply", 1, nil),
		c.MoveTopicPartition(topic+".reply", 0, replies), c.CreateTopic(topic+".other.reply", 1, nil),
		c.MoveTopicPartition(topic+".other.reply", 0, (dead+1)%3))
	for p := range int32(3) {
		err = errors.Join(err, c.MoveTopicPartition(topic, p, p))
	}
	if err != nil {
		t.Fatal(err)
	}
	silent := make(chan struct{})
	c.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		select {
		case <-silent: // it is revived; and a broker that is closed just as a request falls asleep never ends
		default:
			if c.CurrentNode() == dead {
				c.SleepControl(func() { <-silent })
			}
		}
		return nil, nil, false
	})
	return c.ListenAddrs(), sync.OnceFunc(func() { close(silent) })
}
