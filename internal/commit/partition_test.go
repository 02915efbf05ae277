package commit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/siskin-go/siskin/internal/commit"
)

// wantPosition checks what would be committed now.
func wantPosition(t *testing.T, p *commit.Partition, offset int64, epoch int32, dirty bool) {
	t.Helper()
	gotOffset, gotEpoch, gotDirty := p.Position()
	if gotOffset != offset || gotEpoch != epoch || gotDirty != dirty {
		t.Errorf("position = %d, epoch %d, dirty %v; want %d, %d, %v", gotOffset, gotEpoch, gotDirty, offset, epoch, dirty)
	}
}

func TestNewPartitionHasNoPosition(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	wantPosition(t, p, commit.Unknown, -1, false)
	if n := p.Pending(); n != 0 {
		t.Errorf("pending = %d, want 0", n)
	}
}

func TestPositionWaitsForTheOldestRecord(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	p.Start(10, true)
	a, b, c := p.Begin(10, 1), p.Begin(11, 1), p.Begin(15, 2)

	p.Done(c)
	wantPosition(t, p, 10, -1, false)
	p.Done(a)
	wantPosition(t, p, 11, 1, true)
	if n := p.Pending(); n != 2 {
		t.Errorf("pending = %d, want 2: one is unfinished and one waits behind it", n)
	}
	p.Done(b)
	wantPosition(t, p, 16, 2, true)
}

func TestDoneTwiceDoesNothing(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	a, b := p.Begin(0, 0), p.Begin(1, 0)
	p.Done(b)
	p.Done(b)
	wantPosition(t, p, 0, -1, true)
	p.Done(a)
	p.Done(a)
	p.Done(b)
	wantPosition(t, p, 2, 0, true)

	c := p.Begin(2, 0) // takes a place in the ring that an old mark once had
	p.Done(a)
	wantPosition(t, p, 2, 0, true)
	p.Done(c + 1) // a mark that was never given out
	wantPosition(t, p, 2, 0, true)
	p.Done(c)
	wantPosition(t, p, 3, 0, true)
}

func TestMarksOfAFullRingAreNotMixedUp(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	const records = 1000 // several times the ring's first length
	marks := make([]commit.Mark, records)
	for i := range marks {
		marks[i] = p.Begin(int64(2*i), 0)
		if i >= 10 && i%2 == 0 { // let the ring turn before it grows
			p.Done(marks[i/2-5])
		}
	}
	for i := len(marks) - 1; i > 0; i-- {
		p.Done(marks[i])
	}
	p.Done(marks[0])
	wantPosition(t, p, 2*records-1, 0, true)
}

func TestStart(t *testing.T) {
	t.Parallel()
	t.Run("a position that is not committed yet is dirty", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		p.Start(7, false)
		wantPosition(t, p, 7, -1, true)
		p.Committed(7)
		wantPosition(t, p, 7, -1, false)
	})
	t.Run("a committed position is clean", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		p.Start(7, true)
		wantPosition(t, p, 7, -1, false)
	})
	t.Run("it stays while the first record is unfinished", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		p.Start(7, true)
		m := p.Begin(9, 3) // 7 and 8 were compacted away
		wantPosition(t, p, 7, -1, false)
		p.Done(m)
		wantPosition(t, p, 10, 3, true)
	})
	t.Run("without it the first record is the position", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		p.Begin(9, 3)
		wantPosition(t, p, 9, -1, true)
	})
	t.Run("after the first record it does nothing", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		m := p.Begin(9, 3)
		p.Start(50, true)
		wantPosition(t, p, 9, -1, true)
		p.Done(m)
		p.Start(50, true)
		wantPosition(t, p, 10, 3, true)
	})
}

func TestCommittedNeverGoesBack(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	p.Done(p.Begin(4, 0))
	p.Committed(5)
	p.Committed(3) // an answer that comes late
	wantPosition(t, p, 5, 0, false)
}

func TestWait(t *testing.T) {
	t.Parallel()
	t.Run("returns at once when nothing is unfinished", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := commit.NewPartition().Wait(ctx); err != nil {
			t.Errorf("Wait = %v, want nil", err)
		}
	})
	t.Run("wakes all who wait, and again later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p := commit.NewPartition()
			for round := range 2 {
				m, n := p.Begin(int64(2*round), 0), p.Begin(int64(2*round+1), 0)
				woken := make(chan error, 3)
				for range cap(woken) {
					go func() { woken <- p.Wait(t.Context()) }()
				}
				p.Done(n)
				synctest.Wait()
				if len(woken) != 0 {
					t.Fatal("Wait returned while a record was unfinished")
				}
				p.Done(m)
				for range cap(woken) {
					if err := <-woken; err != nil {
						t.Errorf("Wait = %v, want nil", err)
					}
				}
			}
		})
	})
	t.Run("ends with its context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		p := commit.NewPartition()
		p.Begin(0, 0)
		cancel()
		if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait = %v, want %v", err, context.Canceled)
		}
	})
}
