package inbox_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/twmb/franz-go/pkg/kadm"
)

// ensure replaces the inbox's way to make sure of a topic.
func ensure(fn func(ctx context.Context, topic string) error) func(*inbox.Config) {
	return func(c *inbox.Config) { c.Ensure = fn }
}

func TestConcurrentCallsShareOneRoute(t *testing.T) {
	t.Parallel()
	b := setup(t, 4, []string{"sum.reply", "max.reply"})
	const callers = 50
	routes := make([]*inbox.Route, callers)
	var wg sync.WaitGroup
	for i := range routes {
		wg.Go(func() {
			topic := "sum.reply"
			if i%2 == 1 {
				topic = "max.reply"
			}
			routes[i] = b.route(t, topic)
		})
	}
	wg.Wait()
	for i := range routes {
		if routes[i] != routes[i%2] {
			t.Errorf("caller %d has the route %+v, another has %+v", i, routes[i], routes[i%2])
		}
	}
	if len(b.ensured) != 2 || len(b.opened) != 2 {
		t.Errorf("%d routes were opened, of %d topics; want 2", len(b.opened), len(b.ensured))
	}
}

func TestFailureToOpenIsNotKept(t *testing.T) {
	t.Parallel()
	broken := errors.New("no rights")
	var calls atomic.Int32
	b := setup(t, 1, []string{"sum.reply"}, ensure(func(context.Context, string) error {
		if calls.Add(1) == 1 {
			return broken
		}
		return nil
	}))
	if _, err := b.Route(testContext(t), "sum.reply"); !errors.Is(err, broken) {
		t.Fatalf("error %v, want %v", err, broken)
	}
	r := b.route(t, "sum.reply")
	b.reply(t, "sum.reply", r.Partition, "6")
	b.wantDelivered(t, "6")
}

// A caller that gives up fails nobody who waits for the same route.
func TestCallerThatGivesUpFailsNoOther(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	b := setup(t, 1, []string{"sum.reply"}, ensure(func(ctx context.Context, _ string) error {
		close(started)
		<-release
		return ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp, waits := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := b.Route(ctx, "sum.reply")
		gaveUp <- err
	}()
	<-started
	go func() {
		_, err := b.Route(testContext(t), "sum.reply")
		waits <- err
	}()
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up got %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-waits; err != nil {
		t.Errorf("the caller that waited got %v", err)
	}
}

func TestRouteThatIsThereIsGivenToACallerWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	b := setup(t, 1, []string{"sum.reply"})
	want := b.route(t, "sum.reply")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Route(ctx, "sum.reply"); got != want || err != nil {
		t.Errorf("route %+v, error %v; want %+v", got, err, want)
	}
}

func TestCloseWithOpeningsUnderWay(t *testing.T) {
	t.Parallel()
	started := make(chan struct{}, 3)
	b := setup(t, 1, []string{"sum.reply", "max.reply"}, ensure(func(ctx context.Context, topic string) error {
		started <- struct{}{}
		if topic == "sum.reply" {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}))
	b.route(t, "sum.reply")
	failed := make(chan error, 2)
	for _, topic := range []string{"max.reply", "min.reply"} {
		go func() {
			_, err := b.Route(testContext(t), topic)
			failed <- err
		}()
	}
	for range cap(started) {
		<-started
	}
	b.Inbox.Close()
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("a call that waited for its route got %v, want %v", err, context.Canceled)
		}
	}
	if _, err := b.Route(t.Context(), "sum.reply"); !errors.Is(err, context.Canceled) {
		t.Errorf("after Close, a call got %v, want %v", err, context.Canceled)
	}
	b.Inbox.Close() // again, does nothing
}

// Whatever is under way when the inbox is closed, everybody gets an answer and
// nothing goes on after Close.
func TestCloseAtAnyMoment(t *testing.T) {
	t.Parallel()
	for range 20 {
		b := setup(t, 2, []string{"sum.reply"})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				r, err := b.Route(testContext(t), "sum.reply")
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want nil or %v", err, context.Canceled)
				}
				if r != nil {
					for range 3 {
						b.TimedOut(r)
					}
				}
			})
		}
		wg.Go(b.Inbox.Close)
		wg.Wait()
	}
}

func TestCloseWithoutRoutes(t *testing.T) {
	t.Parallel()
	in := inbox.New(inbox.Config{Admin: &kadm.Client{}})
	in.Close()
	in.TimedOut(&inbox.Route{Topic: "sum.reply"})
}

// Ready is the quick way to a route that is in use, and to no other.
func TestReady(t *testing.T) {
	t.Parallel()
	var hold sync.Mutex
	b := setup(t, 2, []string{"sum.reply"}, ensure(func(context.Context, string) error {
		hold.Lock()
		defer hold.Unlock()
		return nil
	}))
	if r := b.Ready("sum.reply"); r != nil {
		t.Errorf("before the first call there is the route %+v", r)
	}
	r := b.route(t, "sum.reply")
	if got := b.Ready("sum.reply"); got != r {
		t.Errorf("route %+v, want %+v", got, r)
	}
	if got := b.Ready("max.reply"); got != nil {
		t.Errorf("another topic has the route %+v", got)
	}
	hold.Lock() // the next opening takes long
	for range 3 {
		b.TimedOut(r)
	}
	if got := b.Ready("sum.reply"); got != nil {
		t.Errorf("while another route is opened, there is %+v", got)
	}
	hold.Unlock()
	if want := b.route(t, "sum.reply"); want == r || b.Ready("sum.reply") != want {
		t.Errorf("after a move the route is %+v, want %+v", b.Ready("sum.reply"), want)
	}
}

// Start lets a client prepare a route that it will need.
func TestStart(t *testing.T) {
	t.Parallel()
	b := setup(t, 2, []string{"sum.reply"})
	b.Start("sum.reply")
	b.await(t, "the route to be opened", func() bool { return len(b.opened) == 1 })
	r := b.route(t, "sum.reply")
	b.Start("sum.reply") // again, does nothing
	if b.route(t, "sum.reply") != r || len(b.opened) != 1 {
		t.Errorf("%d routes were opened, want 1", len(b.opened))
	}
	b.Inbox.Close()
	b.Start("max.reply") // too late, does nothing
}
