//go:build synctests

package siskin_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A topic with more records than memory takes is held back. That costs it no time, also
// beside a topic that has nothing: a fetch for that one waits at the broker. And it costs
// the other topic little.
func TestVirtualAFloodBesideATopicWithNothing(t *testing.T) {
	for _, test := range []struct {
		takes time.Duration // one record
		held  time.Duration // what the other topic may be held up
	}{
		{100 * time.Microsecond, 60 * time.Millisecond}, // there is room soon: the partition is awaited
		{5 * time.Millisecond, time.Millisecond},        // not so soon: it is paused
	} {
		t.Run(fmt.Sprint(test.takes), func(t *testing.T) {
			virtual(t, func(t *testing.T, b *bundle) {
				const pieces, piece = 200, 20
				b.cfg.QueueLimit, b.cfg.StartFrom = 4*piece, "beginning"
				client := b.client()
				flood, other := siskin.NewEvent[string]("flood"), siskin.NewEvent[time.Time]("other")
				for range pieces {
					emit(t, b, client, flood, "", make([]string, piece)...)
				}
				b.cfg.Kafka = append(b.cfg.Kafka, kgo.FetchMaxPartitionBytes(1<<10))
				svc, begun, done, seen := b.service(), make(chan struct{}, 1), make(chan struct{}), make(chan time.Duration, 10)
				left := pieces * piece
				flood.On(svc, func(context.Context, string) error {
					if left == pieces*piece {
						begun <- struct{}{}
					}
					time.Sleep(test.takes)
					if left--; left == 0 {
						close(done)
					}
					return nil
				}, siskin.Ordered())
				other.On(svc, func(_ context.Context, sent time.Time) error {
					seen <- time.Since(sent)
					return nil
				})
				b.run(svc)
				<-begun
				began, all := time.Now(), pieces*piece*test.takes
				for range 5 {
					time.Sleep(all / 8)
					if _, err := other.Emit(t.Context(), client, time.Now()); err != nil {
						t.Fatal(err)
					}
					if held := <-seen; held > test.held {
						t.Errorf("a record beside the flood was held up for %v, want at most %v", held, test.held)
					}
				}
				<-done
				if took := time.Since(began); took > all+all/20 {
					t.Errorf("the flood took %v, the handlers alone %v", took, all)
				}
			})
		})
	}
}
