//go:build synctests

package siskin_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// questions counts what a client asks the brokers for, but for records.
type questions struct{ n atomic.Int64 }

func (q *questions) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, _ kgo.BrokerE2E) {
	if key == int16(kmsg.Metadata) || key == int16(kmsg.ListOffsets) {
		q.n.Add(1)
	}
}

// Each new pattern needs its topic, its reply topic and the end of that one. Those who
// need them at once ask together, and their routes are read together.
func TestVirtualFirstCallsAskTogether(t *testing.T) {
	virtual(t, func(t *testing.T, b *bundle) {
		const patterns = 200
		svc := b.service()
		var calls []siskin.RPC[int, int]
		for i := range patterns {
			call := siskin.NewRPC[int, int](fmt.Sprintf("pattern-%d", i))
			call.Handle(svc, func(_ context.Context, n int) (int, error) { return n + 1, nil })
			calls = append(calls, call)
		}
		b.run(svc)
		var asked questions
		b.cfg.Kafka = append(b.cfg.Kafka, kgo.WithHooks(&asked))
		client := b.client()
		began := time.Now()
		var all sync.WaitGroup
		for i, call := range calls {
			all.Go(func() {
				if n, err := call.Send(t.Context(), client, i); err != nil || n != i+1 {
					t.Errorf("%s: %d, %v", call.Pattern(), n, err)
				}
			})
		}
		all.Wait()
		about(t, "all were answered", time.Since(began), 0)
		if n := asked.n.Load(); n > patterns {
			t.Errorf("%d questions for %d patterns, want far fewer than one for each", n, patterns)
		}
	})
}
