package dedupe_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
)

// effects counts what handlers did, by id.
type effects struct {
	mu    sync.Mutex
	times map[string]int
}

// do has an effect, and returns a reply that no second run would give.
func (e *effects) do(ctx context.Context) string {
	d, _ := siskin.DeliveryFrom(ctx)
	id, _ := d.Header("id")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.times == nil {
		e.times = make(map[string]int)
	}
	e.times[string(id)]++
	return fmt.Sprintf("%s at %d/%d, run %d", id, d.Partition(), d.Offset(), e.times[string(id)])
}

// byCorrelation reads the replies to requests with the given ids.
func (p *peer) byCorrelation(n int) map[string]seen {
	p.t.Helper()
	got := make(map[string]seen)
	for len(got) < n {
		for _, rec := range p.read(1) {
			to, _ := wire.Last(rec.Headers, wire.CorrelationID)
			got[string(to)] = see(rec)
		}
	}
	return got
}

// Instances come and go, and duplicates come to whichever has their partition by
// then: no effect is there twice, and no duplicate without the first one's reply.
func TestDuplicatesAcrossRebalances(t *testing.T) {
	t.Parallel()
	cfg, store := siskintest.Config(t), siskintest.Name("outcomes")
	topic := siskintest.Name("work")
	createTopic(t, cfg, topic, 4)
	var done effects
	instance := func() (stop func() error) {
		svc := service(t, cfg)
		once := once(t, dedupe.Config{Name: "work", By: dedupe.ByHeader("id"), Store: topicStore(t, cfg, store, dedupe.Bounds{})})
		siskin.Handle(svc, topic, func(ctx context.Context, _ string) (string, error) { return done.do(ctx), nil },
			siskin.WithMiddleware(once))
		return siskintest.Run(t, svc)
	}
	instance()
	p := newPeer(t, cfg)
	var leave func() error
	const each = 25
	for round := range 6 {
		send := func(attempt int) map[string]seen {
			for i := range each {
				id := fmt.Sprintf("%d-%d", round, i)
				p.produce(p.asking(topic, int32(i*attempt)%4, "x", id, header("id", id)))
			}
			return p.byCorrelation(each)
		}
		first := send(1)
		if leave == nil {
			leave = instance()
		} else if err := leave(); err != nil {
			t.Fatal(err)
		} else {
			leave = nil
		}
		if diff := cmp.Diff(first, send(2)); diff != "" {
			t.Fatalf("round %d: duplicates got something else (-first +second):\n%s", round, diff)
		}
	}
	for id, n := range done.times {
		if n != 1 {
			t.Errorf("%s was handled %d times", id, n)
		}
	}
	if len(done.times) != 6*each {
		t.Errorf("%d of %d were handled", len(done.times), 6*each)
	}
}
