//go:build synctests

package redrive_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"
)

// virtualSite is a site in virtual time: the clock moves only when everybody waits.
// The Kafka client needs the build tag synctests for that.
func virtualSite(t *testing.T) *site {
	t.Helper()
	var network kfake.VirtualNetwork
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:9092", ListenFunc: network.Listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	return newSite(t, broker.Addrs(), kgo.Dialer(network.DialContext))
}

// No more letters go back than the rate allows, at no moment, and no fewer in the end.
// Those that are left count for nothing.
func TestVirtualRate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rate  rate.Limit
		burst int // a tenth of a second's letters, or one
	}{
		"slow": {0.5, 1}, "a few a second": {7, 1}, "several at once": {50, 5}, "none": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := virtualSite(t)
				const each = 20
				s.fill(t, each)
				s.leave(t, each)
				job, steps := s.job(t, redrive.Job{Rate: tt.rate})
				report, began, back := job.Report, time.Now(), 0
				job.Report = func(step redrive.Step) error {
					if step.Back != nil {
						back++
					}
					if most := float64(tt.burst) + float64(tt.rate)*time.Since(began).Seconds(); tt.rate > 0 && float64(back) > most+0.001 {
						t.Errorf("%d letters are back after %v", back, time.Since(began))
					}
					return report(step)
				}
				client := s.open(t, redrive.RunOptions(s.dlt, 1<<20)...)
				if err := job.Run(t.Context(), client); err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				if back != partitions*each || len(*steps) != back+each {
					t.Errorf("%d of %d letters are back", back, len(*steps))
				}
				least := time.Duration(0)
				if tt.rate > 0 {
					least = time.Duration(float64(back-tt.burst) / float64(tt.rate) * float64(time.Second))
				}
				if took < least-time.Millisecond || took > least+2*time.Second {
					t.Errorf("the run took %v, want %v", took, least)
				}
			})
		})
	}
}

// leave makes n letters that cannot go back.
func (s *site) leave(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := s.client.ProduceSync(t.Context(), &kgo.Record{Topic: s.dlt, Value: []byte("of nobody")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}
