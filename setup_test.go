package siskin_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/siskintest"
)

// bundle is a broker with settings for one test. Topics get names of their own,
// so that the same test runs on an embedded broker and on a shared real one.
type bundle struct {
	t     *testing.T
	cfg   siskin.Config
	watch *watch
}

func setup(t *testing.T) *bundle {
	t.Helper()
	w := &watch{seen: make(chan struct{}, 1)}
	cfg := siskintest.Config(t)
	cfg.Observe = w.observe
	cfg.RetryInitial, cfg.RetryLongest = 5*time.Millisecond, 20*time.Millisecond
	return &bundle{t: t, cfg: cfg, watch: w}
}

func (b *bundle) service() *siskin.Service {
	b.t.Helper()
	svc, err := siskin.NewService(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	return svc
}

func (b *bundle) run(svc *siskin.Service) (stop func() error) {
	b.t.Helper()
	return siskintest.Run(b.t, svc)
}

// start runs a service that the test itself ends, and returns when it is ready.
func (b *bundle) start(svc *siskin.Service) (cancel context.CancelFunc, ended <-chan error) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.ctx())
	b.t.Cleanup(cancel)
	end := make(chan error, 1)
	go func() { end <- svc.Run(ctx) }()
	if err := svc.Ready(ctx); err != nil {
		b.t.Fatal(err)
	}
	return cancel, end
}

// slow runs a service whose handler says that it was entered, and answers when
// release is closed. It is good for one call.
func (b *bundle) slow() (rpc siskin.RPC[string, string], entered <-chan struct{}, release chan struct{}, stop func() error) {
	b.t.Helper()
	rpc = siskin.NewRPC[string, string](siskintest.Name("slow"))
	in, out := make(chan struct{}), make(chan struct{})
	svc := b.service()
	rpc.Handle(svc, func(_ context.Context, s string) (string, error) {
		close(in)
		<-out
		return s, nil
	})
	return rpc, in, out, b.run(svc)
}

func (b *bundle) client() *siskin.Client {
	b.t.Helper()
	return siskintest.Client(b.t, b.cfg)
}

// patience bounds what should happen at once; it is only used up by a failure.
const patience = 20 * time.Second

func (b *bundle) ctx() context.Context {
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	b.t.Cleanup(cancel)
	return ctx
}

// receive waits for a value.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits until something is so that no event tells about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.After(patience); !is(); {
		select {
		case <-limit:
			t.Fatalf("%s has not come about", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// watch collects events and lets a test wait for one.
type watch struct {
	mu   sync.Mutex
	all  []events.Event
	seen chan struct{}
}

func (w *watch) observe(e events.Event) {
	w.mu.Lock()
	w.all = append(w.all, e)
	w.mu.Unlock()
	select {
	case w.seen <- struct{}{}:
	default:
	}
}

// wait returns the first event of type E that fits, also one already seen. fits
// must not use the watch.
func wait[E events.Event](t *testing.T, w *watch, fits func(E) bool) E {
	t.Helper()
	return waitFor(t, w, 1, fits)
}

// waitFor returns the nth event of type E that fits.
func waitFor[E events.Event](t *testing.T, w *watch, n int, fits func(E) bool) E {
	t.Helper()
	limit := time.After(patience)
	for {
		if all := found(w, fits); len(all) >= n {
			return all[n-1]
		}
		select {
		case <-w.seen:
		case <-limit:
			t.Fatalf("%d events of type %T came, want %d", len(found(w, fits)), *new(E), n)
		}
	}
}

func found[E events.Event](w *watch, fits func(E) bool) []E {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []E
	for _, e := range w.all {
		if e, ok := e.(E); ok && fits(e) {
			all = append(all, e)
		}
	}
	return all
}

func count[E events.Event](w *watch, fits func(E) bool) int { return len(found(w, fits)) }
