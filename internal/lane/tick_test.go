package lane

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What ended before a record that a worker is stuck in is told at a tick. Then nobody has
// anything to do, and the ticks end.
func TestTheTicksEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held := -1
		door, open := make(chan struct{}), true
		l := Start(Config{
			Places: []*Places{NewPlaces(10, true)}, Left: func(n int) { held = n },
			Serve: func(rec *kgo.Record, _ uint64, _ time.Time) {
				if !open && rec.Offset == 5 {
					<-door
				}
			},
		})
		records := make([]*kgo.Record, 6)
		for i := range records {
			records[i] = &kgo.Record{Offset: int64(i)}
		}
		for range 100 {
			l.Push(records, 0)
			synctest.Wait()
		}
		open = false
		l.Push(records, 0)
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if held != 1 {
			t.Errorf("it was told that %d records are held, want the one that is stuck", held)
		}
		l.mu.Lock()
		if l.ticking {
			t.Error("the lane ticks on")
		}
		l.mu.Unlock()
		close(door)
		l.Stop()
		<-l.Ended()
	})
}
