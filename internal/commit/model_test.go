package commit_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/commit"
	"pgregory.net/rapid"
)

// model is the watermark said as simply as possible: a list that is walked from
// its beginning each time.
type model struct {
	p         *commit.Partition
	records   []*record
	holds     []hold
	start     int64
	committed int64
	highest   int64 // the highest position ever seen
}

type record struct {
	mark   commit.Mark
	offset int64
	epoch  int32
	bytes  int
	done   bool
	manual bool
}

func (m *model) position() (offset int64, epoch int32, pending int) {
	offset, epoch = m.start, -1
	if offset == commit.Unknown && len(m.records) > 0 {
		offset = m.records[0].offset
	}
	for i, r := range m.records {
		if !r.done {
			return offset, epoch, len(m.records) - i
		}
		offset, epoch = r.offset+1, r.epoch
	}
	return offset, epoch, 0
}

func (m *model) Start(t *rapid.T) {
	offset := rapid.Int64Range(0, 100).Draw(t, "offset")
	committed := rapid.Bool().Draw(t, "committed")
	m.p.Start(offset, committed)
	if len(m.records) > 0 {
		return
	}
	m.start, m.highest = offset, offset
	if committed {
		m.committed = offset
	}
}

func (m *model) Begin(t *rapid.T) {
	next := max(m.start, 0)
	if n := len(m.records); n > 0 {
		next = m.records[n-1].offset + 1
	}
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		next += rapid.Int64Range(0, 3).Draw(t, "gap")
		r := &record{offset: next, epoch: rapid.Int32Range(0, 3).Draw(t, "epoch")}
		r.mark = begin(m.p, r.offset, r.epoch)
		m.records = append(m.records, r)
		next++
	}
}

// Hold is like two records, the first and the last of a batch, that are done at
// once.
func (m *model) Hold(t *rapid.T) {
	first := max(m.start, 0)
	if n := len(m.records); n > 0 {
		first = m.records[n-1].offset + 1
	}
	first += rapid.Int64Range(0, 3).Draw(t, "gap")
	next := first + rapid.Int64Range(1, 5).Draw(t, "offsets")
	epoch := rapid.Int32Range(0, 3).Draw(t, "epoch")
	raw := make([]byte, rapid.IntRange(0, 100).Draw(t, "bytes"))
	_, release := m.p.Hold(first, next, epoch, raw)
	h := hold{release: release}
	ends := []int64{first, next - 1}
	for i, offset := range ends[:min(2, int(next-first))] {
		r := &record{mark: commit.Mark(len(m.records)), offset: offset, epoch: epoch}
		if i == 0 {
			r.bytes = len(raw)
		}
		m.records = append(m.records, r)
		h.records = append(h.records, r)
	}
	m.holds = append(m.holds, h)
}

type hold struct {
	release func() commit.Size
	records []*record
}

func (m *model) Release(t *rapid.T) {
	if len(m.holds) == 0 {
		t.Skip("nothing is held")
	}
	// Any of them: one that is already released must change nothing.
	h := rapid.SampledFrom(m.holds).Draw(t, "hold")
	h.release()
	for _, r := range h.records {
		r.done = true
	}
}

func (m *model) Done(t *rapid.T) {
	if len(m.records) == 0 {
		t.Skip("no record has begun")
	}
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		// Any of them: one that is already done must change nothing.
		r := rapid.SampledFrom(m.records).Draw(t, "record")
		m.p.Done(r.mark)
		r.done = true
	}
}

func (m *model) DoneOldest(t *rapid.T) {
	for _, r := range m.records {
		if !r.done {
			m.p.Done(r.mark)
			r.done = true
			return
		}
	}
	t.Skip("no record is unfinished")
}

func (m *model) Manual(t *rapid.T) {
	if len(m.records) == 0 {
		t.Skip("no record has begun")
	}
	r := rapid.SampledFrom(m.records).Draw(t, "record")
	m.p.Manual(r.mark)
	r.manual = true
}

func (m *model) DoneBefore(t *rapid.T) {
	if len(m.records) == 0 {
		t.Skip("no record has begun")
	}
	last := m.records[len(m.records)-1].offset
	offset := rapid.Int64Range(0, last+3).Draw(t, "offset")
	allowed := true
	position, _, _ := m.position()
	for _, r := range m.records {
		allowed = allowed && (r.offset >= offset || r.done || r.manual)
	}
	allowed = allowed && (offset <= last+1 || offset <= position)
	if _, err := m.p.DoneBefore(offset); (err == nil) != allowed {
		t.Fatalf("DoneBefore(%d) = %v, want it to be allowed: %v", offset, err, allowed)
	}
	for _, r := range m.records {
		r.done = r.done || allowed && r.offset < offset
	}
}

func (m *model) Committed(t *rapid.T) {
	offset, _, _ := m.p.Position()
	if offset == commit.Unknown {
		t.Skip("there is no position")
	}
	// A commit that was sent earlier can be confirmed later.
	offset = rapid.Int64Range(0, offset).Draw(t, "offset")
	m.p.Committed(offset)
	m.committed = max(m.committed, offset)
}

// Check compares with the partition after each step.
func (m *model) Check(t *rapid.T) {
	wantOffset, wantEpoch, wantPending := m.position()
	offset, epoch, dirty := m.p.Position()
	if offset != wantOffset || epoch != wantEpoch {
		t.Fatalf("position = %d, epoch %d; want %d, %d", offset, epoch, wantOffset, wantEpoch)
	}
	if want := offset != commit.Unknown && offset != m.committed; dirty != want {
		t.Fatalf("dirty = %v, want %v: position %d, committed %d", dirty, want, offset, m.committed)
	}
	want := commit.Size{Span: wantPending}
	for _, r := range m.records {
		if !r.done {
			want.Unfinished++
			want.Bytes += r.bytes
		}
	}
	if size := m.p.Size(); size != want {
		t.Fatalf("size = %+v, want %+v", size, want)
	}
	if offset < m.highest {
		t.Fatalf("the position went back from %d to %d", m.highest, offset)
	}
	m.highest = offset
	for _, r := range m.records {
		if !r.done && offset > r.offset {
			t.Fatalf("the position %d is beyond the unfinished record at %d", offset, r.offset)
		}
	}
}

func TestPartitionAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{p: commit.NewPartition(), start: commit.Unknown, committed: commit.Unknown, highest: commit.Unknown}
		t.Repeat(rapid.StateMachineActions(m))
	})
}
