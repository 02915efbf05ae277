package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

// atOnce is how many checks with servers of their own run at a time. Most of
// their time they wait.
const atOnce = 6

// run is all checks with one subject.
type run struct {
	broker  *broker
	subject subject

	mu   sync.Mutex
	seen map[string]error
}

// TestFaults runs each check with Siskin, which must pass, and with NestJS,
// which must not.
func TestFaults(t *testing.T) {
	b := newBroker(t)
	siskin := &run{broker: b, subject: ours{b}, seen: map[string]error{}}
	nest := newTheirs(t, b)
	theirs := &run{broker: b, subject: nest, seen: map[string]error{}}
	var all sync.WaitGroup
	for _, r := range []*run{siskin, theirs} {
		all.Go(func() { t.Run(r.subject.name(), r.all) })
	}
	all.Wait()
	for _, r := range []*run{siskin, theirs} { // their topics have the same names
		t.Run(r.subject.name()+"App", func(t *testing.T) {
			for _, f := range app {
				r.check(t, f)
			}
		})
	}
	if !t.Failed() {
		judge(t, siskin.seen, theirs.seen)
	}
}

// judge compares what was seen with what must be. A check that flag -run has
// left out was not seen.
func judge(t *testing.T, siskin, nest map[string]error) {
	complete := true
	for _, f := range faults() {
		if err := siskin[f.id]; err != nil {
			t.Errorf("%s: Siskin has this fault: %v", f.id, err)
		}
		err, ran := nest[f.id]
		complete = complete && ran
		if ran && err == nil {
			t.Errorf("%s: NestJS passes; is the fault mended, or can the check not fail?", f.id)
		}
	}
	if complete && !t.Failed() {
		golden(t, nest)
	}
}

// all runs the checks: those that share something in turn, the others at once.
func (r *run) all(t *testing.T) {
	var all sync.WaitGroup
	all.Go(func() { t.Run("quick", r.quick) })
	places := make(chan struct{}, atOnce)
	for _, f := range apart {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			r.check(t, f)
		})
	}
	all.Wait()
}

// sharedPrefix is that of the topics of a shared server.
func sharedPrefix(b *broker, subject string) string { return b.prefix + subject + "." }

// quick runs the checks of the shared server.
func (r *run) quick(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	x := &exam{T: t, broker: r.broker, subject: r.subject, ctx: ctx}
	b := *r.broker
	b.prefix = sharedPrefix(r.broker, r.subject.name())
	x.broker = &b
	var handlers []handler
	for _, does := range quickHandlers {
		handlers = append(handlers, handler{Topic: b.prefix + does, Kind: requests, Does: does})
	}
	handlers = append(handlers, handler{Topic: numberTopic(b.prefix), Kind: requests, Does: "echo"})
	for _, h := range handlers {
		x.must(x.makeTopic(ctx, h.Topic, 1, nil))
	}
	x.must(x.makeTopic(ctx, b.prefix+quickReplies, 3, nil))
	if _, ok := r.subject.(theirs); ok {
		x.subject = newTheirs(t, &b) // with a log of its own
	}
	shared := x.started(serving{handlers: handlers})
	for _, f := range quick {
		r.checkWith(t, f, &b, x.subject, shared)
	}
}

func (r *run) check(t *testing.T, f row) { r.checkWith(t, f, r.broker, r.subject, nil) }

func (r *run) checkWith(t *testing.T, f row, b *broker, s subject, shared server) {
	t.Run(f.id, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		err := f.check(&exam{T: t, broker: b, subject: s, shared: shared, ctx: ctx})
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen[f.id] = b.anonymous(err)
	})
}

// appAnswer posts to the example app.
func appAnswer(path, body string, want int) func(*exam) error {
	return func(x *exam) error {
		status, answer := x.post(x.subject.app(x, "all", x.unique("app"))+"/"+path, body)
		if status != want || !json.Valid([]byte(answer)) {
			return fmt.Errorf("%d `%s`", status, answer)
		}
		return nil
	}
}
