package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
)

// sent is an event that was sent. Acked is true when the broker has confirmed it.
type sent struct {
	note
	Topic     string
	Acked     bool
	Partition int32
	Offset    int64
}

// call is a request that was sent.
type call struct {
	note
	At    int64 // microseconds of the clock, when it was sent
	Took  time.Duration
	Ended bool
	Name  string // how it ended, or empty for an end that has no name
	Wrong bool   // the answer is not the one of this request
}

const (
	emitters    = 64 // each with keys of its own
	keysEach    = 4
	burst       = 8 // events of one key that are sent at a time
	emitTimeout = 20 * time.Second
	callTimeout = 12 * time.Second
	callGrace   = 5 * time.Second // how much later than that a call may end on a busy machine
	requestKeys = 256
)

// load sends the events and requests of a plan. Everything that it sends is in its
// lists when run has returned.
type load struct {
	plan   plan
	client *siskin.Client
	epoch  time.Time // when the plan begins

	mu     sync.Mutex
	events []sent
	calls  []*call

	confirmed, answered, refused atomic.Int64
}

func newLoad(p plan, brokers []string, l *link) (*load, error) {
	cfg := config(brokers, l)
	cfg.Codec, cfg.Timeout = raw{codec.JSON}, emitTimeout
	client, err := siskin.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	return &load{plan: p, client: client}, nil
}

// ready makes topics and routes, so that a fault does not meet the first call only.
func (l *load) ready(ctx context.Context) error {
	contracts := []siskin.Contract{siskin.NewRPC[[]byte, note](requestTopic)}
	for _, m := range modes {
		contracts = append(contracts, siskin.NewEvent[[]byte](m.topic()))
	}
	return l.client.Ready(ctx, contracts...)
}

// run sends everything from epoch on, and returns when everything has ended, or has
// not by its deadline.
func (l *load) run(ctx context.Context, epoch time.Time) {
	l.epoch = epoch
	var all sync.WaitGroup
	for i := range emitters {
		all.Go(func() { l.emit(ctx, i) })
	}
	all.Go(func() { l.request(ctx) })
	all.Wait()
}

// emit sends the events of one emitter, burst by burst: each waits for the broker,
// so that the numbers of a key are stored in their order.
func (l *load) emit(ctx context.Context, emitter int) {
	d := rand.New(rand.NewPCG(l.plan.Seed, hash(fmt.Sprint("emitter ", emitter))))
	share := l.plan.Events / emitters
	first := emitter * share
	if emitter == emitters-1 {
		share = l.plan.Events - first
	}
	next := make(map[string]int) // sequence numbers, by topic and key
	for done := 0; done < share; {
		n := min(burst, share-done)
		due := l.plan.Length * time.Duration(done+emitter%burst) / time.Duration(share)
		if !sleep(ctx, time.Until(l.epoch.Add(due))) {
			return
		}
		topic, key := modes[d.IntN(len(modes))].topic(), fmt.Sprintf("key-%d-%d", emitter, d.IntN(keysEach))
		notes := make([]note, n)
		for i := range notes {
			id := first + done + i
			notes[i] = note{ID: id, Key: key, Seq: next[topic+key], Fate: fateOf(l.plan.Seed, "event", id)}
			next[topic+key]++
		}
		l.burst(ctx, topic, key, notes)
		done += n
	}
}

func (l *load) burst(ctx context.Context, topic, key string, notes []note) {
	messages := make([]siskin.Message, len(notes))
	for i, n := range notes {
		messages[i] = siskin.Message{Value: n.bytes(), Options: []siskin.CallOption{siskin.WithKey(key)}}
	}
	metas, _ := l.client.EmitBatch(ctx, topic, messages) // what was not confirmed has no offset
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range metas {
		s := sent{note: notes[i], Topic: topic, Acked: m.Offset >= 0 && m.Topic != "", Partition: m.Partition, Offset: m.Offset}
		l.events = append(l.events, s)
		if s.Acked {
			l.confirmed.Add(1)
		} else {
			l.refused.Add(1)
		}
	}
}

// request sends requests at a steady pace, whether or not earlier ones are answered.
func (l *load) request(ctx context.Context) {
	d := rand.New(rand.NewPCG(l.plan.Seed, hash("requests")))
	var open sync.WaitGroup
	defer open.Wait()
	for i := range l.plan.Requests {
		if !sleep(ctx, time.Until(l.epoch.Add(l.plan.Length*time.Duration(i)/time.Duration(l.plan.Requests)))) {
			return
		}
		c := &call{note: note{
			ID: i, Key: fmt.Sprintf("key-%d", d.IntN(requestKeys)), Seq: i, Fate: fateOf(l.plan.Seed, "request", i),
		}}
		l.mu.Lock()
		l.calls = append(l.calls, c)
		l.mu.Unlock()
		open.Go(func() { l.ask(ctx, c) })
	}
}

// ask sends one request and waits for its end, but not for ever.
func (l *load) ask(ctx context.Context, c *call) {
	type end struct {
		answer note
		err    error
	}
	ends := make(chan end, 1)
	from := time.Now()
	go func() {
		answer, err := siskin.Send[note](ctx, l.client, requestTopic, c.bytes(),
			siskin.WithKey(c.Key), siskin.WithTimeout(callTimeout))
		ends <- end{answer, err}
	}()
	select {
	case e := <-ends:
		name, wrong := verdictOf(c.note, e.answer, e.err)
		l.mu.Lock()
		defer l.mu.Unlock()
		c.At, c.Took, c.Ended, c.Name, c.Wrong = from.UnixMicro(), time.Since(from), true, name, wrong
		l.answered.Add(1)
	case <-time.After(callTimeout + callGrace):
	}
}

// named are the errors that a call may end with without having been answered.
var named = []struct {
	err  error
	name string
}{
	{siskin.ErrNoReply, "ErrNoReply"},
	{siskin.ErrUnavailable, "ErrUnavailable"},
	{siskin.ErrOverloaded, "ErrOverloaded"},
	{siskin.ErrRouteLost, "ErrRouteLost"},
}

// expected is the code of the answer to a request with that fate.
var expected = map[fate]siskin.Code{
	panics: siskin.CodeInternal, hangs: siskin.CodeTimeout, poison: siskin.CodeInvalid,
}

// verdictOf names the end of a call, and says whether its answer is a wrong one.
func verdictOf(asked, answer note, err error) (name string, wrong bool) {
	if err == nil {
		return "answered", answer != asked || expected[asked.Fate] != ""
	}
	if remote, ok := errors.AsType[*siskin.Error](err); ok && remote.Remote {
		// A service that stops may cut a handler off; then the caller is told so.
		wrong = remote.Code != expected[asked.Fate] && remote.Code != siskin.CodeUnavailable
		return "answered: " + string(remote.Code), wrong
	}
	for _, n := range named {
		if errors.Is(err, n.err) {
			return n.name, false
		}
	}
	return "", false
}

// sleep reports false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
