package lane_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkLane is what a record costs from Push until its handler, which does
// nothing, has returned, by how many records come at a time.
func BenchmarkLane(b *testing.B) {
	for _, at := range []int{1, 13, 64} {
		for _, key := range [][]byte{nil, []byte("key")} {
			b.Run(fmt.Sprintf("records=%d/key=%t", at, key != nil), func(b *testing.B) { benchmark(b, at, key) })
		}
	}
}

func benchmark(b *testing.B, at int, key []byte) {
	var served sync.WaitGroup
	l := lane.Start(lane.Config{
		Places: []*lane.Places{lane.NewPlaces(100, true)},
		Serve:  func(*kgo.Record, uint64, time.Time) { served.Done() },
	})
	records := make([]*kgo.Record, at)
	for i := range records {
		records[i] = &kgo.Record{Key: key}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += at {
		served.Add(at)
		l.Push(records, uint64(n))
		served.Wait()
	}
	b.StopTimer()
	l.Stop()
	<-l.Ended()
}
