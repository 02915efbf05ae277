package lane_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/lane"
)

// batches is a lane in which a test sees each batch, and lets it go.
type batches struct {
	lane   *lane.Lane
	served chan []int64
	alone  chan int64
	fail   chan []int // the indexes that fail, or what nobody sends: none
	open   chan struct{}
}

// gather starts a lane of batches that are held until open is closed.
func gather(order lane.Order, size int, wait time.Duration) *batches {
	b := &batches{
		served: make(chan []int64, 100), alone: make(chan int64, 100), fail: make(chan []int, 100), open: make(chan struct{}),
	}
	b.lane = lane.Start(lane.Config{Order: order, Places: room(), Batch: &lane.Batch{
		Size: size, Wait: wait,
		Serve: func(turns []lane.Turn) {
			offsets := make([]int64, len(turns))
			for i, t := range turns {
				offsets[i] = t.Record.Offset
			}
			b.served <- offsets
			<-b.open
			select {
			case failed := <-b.fail:
				for _, i := range failed {
					turns[i].Failed = &lane.Failure{}
				}
			default:
			}
		},
		Alone: func(t lane.Turn) { b.alone <- t.Record.Offset },
	}})
	return b
}

func (b *batches) want(t *testing.T, offsets ...int64) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-b.served:
		if !slices.Equal(got, offsets) {
			t.Errorf("the batch %v is served, want %v", got, offsets)
		}
	default:
		t.Errorf("no batch is served, want %v", offsets)
	}
}

func (b *batches) none(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(b.served) > 0 {
		t.Errorf("the batch %v is served too early", <-b.served)
	}
}

func (b *batches) end() {
	b.lane.Stop()
	<-b.lane.Ended()
}

func TestABatchBeginsWhenItIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 3, time.Minute)
		defer b.end()
		close(b.open)
		b.lane.Push(records(0, "a", "b"), 0)
		b.none(t)
		b.lane.Push(records(2, "", "", "a"), 2)
		b.want(t, 0, 1, 2)
		b.none(t)
		if held := b.lane.Held(); held != 2 {
			t.Errorf("the lane holds %d records, want 2", held)
		}
	})
}

// The wait counts from the oldest record, also of a second batch.
func TestABatchBeginsWhenItsFirstRecordHasWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 3, time.Second)
		defer b.end()
		close(b.open)
		b.lane.Push(records(0, "a"), 0)
		time.Sleep(600 * time.Millisecond)
		b.lane.Push(records(1, "b"), 1)
		time.Sleep(399 * time.Millisecond)
		b.none(t)
		time.Sleep(time.Millisecond)
		b.want(t, 0, 1)
		b.lane.Push(records(2, "a"), 2)
		time.Sleep(time.Second - 1)
		b.none(t)
		time.Sleep(time.Nanosecond)
		b.want(t, 2)
	})
}

// A record whose key is in a batch that runs is left out of the next one; its wait
// goes on meanwhile.
func TestTheKeysOfABatchAreHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 3, time.Second)
		defer b.end()
		b.lane.Push(records(0, "a", "b", "a"), 0)
		b.want(t, 0, 1, 2)
		b.lane.Push(records(3, "a", "c", "b", "", "d"), 3)
		b.want(t, 4, 6, 7)
		time.Sleep(2 * time.Second)
		b.none(t)
		close(b.open)
		b.want(t, 3, 5)
	})
}

func TestOneBatchAtATimeWhenOrdered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.Whole, 2, time.Second)
		defer b.end()
		b.lane.Push(records(0, "a", "b", "", "d", "e"), 0)
		b.want(t, 0, 1)
		b.none(t)
		close(b.open)
		b.want(t, 2, 3)
		time.Sleep(time.Second)
		b.want(t, 4)
	})
}

func TestBatchesRunAtOnceWhenUnordered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.Nothing, 2, time.Second)
		defer b.end()
		b.lane.Push(records(0, "a", "a", "a", "a", "a"), 0)
		synctest.Wait()
		if len(b.served) != 2 {
			t.Errorf("%d batches run at once, want 2", len(b.served))
		}
		close(b.open)
	})
}

// What a batch could not handle is first of its key, alone; other keys flow.
func TestWhatFailedComesAgainAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 4, time.Second)
		defer b.end()
		b.lane.Push(records(0, "a", "b", "a", ""), 0)
		b.want(t, 0, 1, 2, 3)
		b.lane.Push(records(4, "a", "b"), 4)
		b.fail <- []int{0, 2, 3}
		close(b.open)
		synctest.Wait()
		var alone []int64
		for len(b.alone) > 0 {
			alone = append(alone, <-b.alone)
		}
		if i, j := slices.Index(alone, 0), slices.Index(alone, 2); len(alone) != 3 || i < 0 || j < i {
			t.Errorf("%v come again, want 0 before 2, and 3", alone)
		}
		time.Sleep(time.Second)
		b.want(t, 4, 5)
		if held := b.lane.Held(); held != 0 {
			t.Errorf("the lane holds %d records, want none", held)
		}
	})
}

// A batch in the order in which keys become free would not be one of offsets.
func TestABatchIsInTheOrderOfOffsets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 2, time.Second)
		defer b.end()
		b.lane.Push(records(0, "a", "a"), 0)
		b.want(t, 0, 1)
		b.lane.Push(records(2, "a", "b"), 2)
		b.none(t) // b waits for others
		close(b.open)
		b.want(t, 2, 3)
	})
}

// When nothing more can come, waiting is of no use.
func TestHurry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 100, time.Hour)
		defer b.end()
		close(b.open)
		b.lane.Hurry()
		b.lane.Push(records(0, "a", "b"), 0)
		b.none(t)
		b.lane.Hurry()
		b.want(t, 0, 1)
		b.lane.Push(records(2, "a"), 2)
		b.none(t)
	})
}

// A batch that is still gathered when its lane stops is served by nobody; what it
// could not handle comes again elsewhere.
func TestStopLetsGoOfWhatIsGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := gather(lane.ByKey, 2, time.Second)
		b.lane.Push(records(0, "a", "b", "a", "c"), 0)
		b.want(t, 0, 1)
		b.lane.Stop()
		if held := b.lane.Held(); held != 2 {
			t.Errorf("the lane holds %d records, want the 2 that are served", held)
		}
		b.fail <- []int{0}
		close(b.open)
		<-b.lane.Ended()
		time.Sleep(time.Hour)
		b.none(t)
		if held := b.lane.Held(); held != 0 || len(b.alone) > 0 {
			t.Errorf("the lane holds %d records and serves %d, want none", held, len(b.alone))
		}
	})
}
