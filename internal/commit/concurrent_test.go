package commit_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/siskin-go/siskin/internal/commit"
)

// One goroutine begins records, many finish them in disorder, and one watches
// the position meanwhile.
func TestPartitionIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	const records, workers = 5_000, 8
	p := commit.NewPartition()
	p.Start(0, true)
	var finished [records]atomic.Bool

	type begun struct {
		mark   commit.Mark
		offset int
	}
	work := make(chan begun, 4*workers)
	var busy sync.WaitGroup
	busy.Go(func() {
		defer close(work)
		for i := range records {
			work <- begun{begin(p, int64(i), 0), i}
		}
	})
	for range workers {
		busy.Go(func() {
			var mine []begun
			for b := range work {
				mine = append(mine, b)
				i := rand.IntN(len(mine))
				b, mine[i] = mine[i], mine[len(mine)-1]
				if mine = mine[:len(mine)-1]; rand.IntN(4) == 0 {
					mine = append(mine, b) // finish it later
					continue
				}
				finished[b.offset].Store(true)
				p.Done(b.mark)
			}
			for _, b := range mine {
				finished[b.offset].Store(true)
				p.Done(b.mark)
			}
		})
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		seen := int64(0)
		for {
			offset, _, _ := p.Position()
			if offset < seen {
				t.Errorf("the position went back from %d to %d", seen, offset)
			}
			for ; seen < offset; seen++ {
				if !finished[seen].Load() {
					t.Errorf("the position is %d while the record at %d is unfinished", offset, seen)
				}
			}
			p.Committed(offset)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	busy.Wait()
	if size := p.Size(); size != (commit.Size{}) {
		t.Errorf("size = %+v, want nothing", size)
	}
	close(stop)
	watch.Wait()
	if offset, _, _ := p.Position(); offset != records {
		t.Errorf("position = %d, want %d", offset, records)
	}
}
