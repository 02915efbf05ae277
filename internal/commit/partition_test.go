package commit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// begin is Begin for one record.
func begin(p *commit.Partition, offset int64, epoch int32) commit.Mark {
	m, _ := p.Begin([]*kgo.Record{{Offset: offset, LeaderEpoch: epoch}}, time.Now())
	return m
}

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
	if size := p.Size(); size != (commit.Size{}) {
		t.Errorf("size = %+v, want nothing", size)
	}
	if _, _, ok := p.Oldest(); ok {
		t.Error("there is an oldest record")
	}
}

func TestPositionWaitsForTheOldestRecord(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	p.Start(10, true)
	a, b, c := begin(p, 10, 1), begin(p, 11, 1), begin(p, 15, 2)

	p.Done(c)
	wantPosition(t, p, 10, -1, false)
	p.Done(a)
	wantPosition(t, p, 11, 1, true)
	if size := p.Size(); size != (commit.Size{Unfinished: 1, Span: 2}) {
		t.Errorf("size = %+v, want one unfinished, and one that waits behind it", size)
	}
	if offset, _, ok := p.Oldest(); !ok || offset != 11 {
		t.Errorf("the oldest record is at %d, want 11", offset)
	}
	p.Done(b)
	wantPosition(t, p, 16, 2, true)
}

func TestDoneTwiceDoesNothing(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	a, b := begin(p, 0, 0), begin(p, 1, 0)
	p.Done(b)
	p.Done(b)
	wantPosition(t, p, 0, -1, true)
	p.Done(a)
	p.Done(a)
	p.Done(b)
	wantPosition(t, p, 2, 0, true)

	c := begin(p, 2, 0) // takes a place in the ring that an old mark once had
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
		marks[i] = begin(p, int64(2*i), 0)
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
		m := begin(p, 9, 3) // 7 and 8 were compacted away
		wantPosition(t, p, 7, -1, false)
		p.Done(m)
		wantPosition(t, p, 10, 3, true)
	})
	t.Run("without it the first record is the position", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		begin(p, 9, 3)
		wantPosition(t, p, 9, -1, true)
	})
	t.Run("after the first record it does nothing", func(t *testing.T) {
		t.Parallel()
		p := commit.NewPartition()
		m := begin(p, 9, 3)
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
	p.Done(begin(p, 4, 0))
	p.Committed(5)
	p.Committed(3) // an answer that comes late
	wantPosition(t, p, 5, 0, false)
}

func TestBeginGivesConsecutiveMarks(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	now := time.Now()
	first, size := p.Begin([]*kgo.Record{{Offset: 3}, {Offset: 5}, {Offset: 6}}, now)
	if size != (commit.Size{Unfinished: 3, Span: 3}) {
		t.Errorf("size = %+v, want three", size)
	}
	if offset, since, ok := p.Oldest(); !ok || offset != 3 || !since.Equal(now.Truncate(1)) {
		t.Errorf("the oldest is %d since %v, want 3 since %v", offset, since, now)
	}
	p.Done(first)
	p.Done(first + 1)
	wantPosition(t, p, 6, 0, true)
	if next, _ := p.Begin(nil, now); next != first+3 {
		t.Errorf("the next mark is %d, want %d", next, first+3)
	}
}

func TestDoneBefore(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	p.Start(10, true)
	a, b, c := begin(p, 10, 0), begin(p, 11, 0), begin(p, 12, 0)
	p.Manual(a)
	p.Manual(c)
	refused := func(offset int64) {
		t.Helper()
		before, _, _ := p.Position()
		if _, err := p.DoneBefore(offset); !errors.Is(err, commit.ErrUnfinished) {
			t.Errorf("DoneBefore(%d) = %v, want %v", offset, err, commit.ErrUnfinished)
		}
		if after, _, _ := p.Position(); after != before {
			t.Errorf("a refused offset moved the position from %d to %d", before, after)
		}
	}
	refused(12) // b is neither done nor manual
	if _, err := p.DoneBefore(11); err != nil {
		t.Error(err)
	}
	wantPosition(t, p, 11, 0, true)
	p.Done(b)
	refused(14) // was never read
	if _, err := p.DoneBefore(13); err != nil {
		t.Error(err)
	}
	wantPosition(t, p, 13, 0, true)
	if _, err := p.DoneBefore(5); err != nil { // long done
		t.Error(err)
	}
	wantPosition(t, p, 13, 0, true)
}

func TestSizeCountsTheBytesOfWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	p := commit.NewPartition()
	first, size := p.Begin([]*kgo.Record{
		{Offset: 0, Key: make([]byte, 10), Value: make([]byte, 100)},
		{Offset: 1, Headers: []kgo.RecordHeader{{Key: "name", Value: make([]byte, 1_000)}}},
	}, time.Now())
	if size.Bytes != 1_114 {
		t.Errorf("%d bytes, want 1114", size.Bytes)
	}
	if size = p.Done(first + 1); size.Bytes != 110 {
		t.Errorf("%d bytes, want 110", size.Bytes)
	}
	p.Done(first + 1)
	if size = p.Done(first); size.Bytes != 0 {
		t.Errorf("%d bytes, want 0", size.Bytes)
	}
}
