package retry

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what a Queue needs.
type Config struct {
	// Group is the consumer group. What another group has written is passed over.
	Group string
	// Topic and Partition are the source. A copy of a record from elsewhere has no
	// order.
	Topic     string
	Partition int32
	// KeepOrder is whether the records of a key run one after the other, in the
	// order of their source offsets.
	KeepOrder bool
	// Token is that of this owner's marker; only with KeepOrder.
	Token string
	// Marks is the watermark of the retry partition. A copy is done there in one step
	// with what follows from it: who sees a later record of its key run, sees it done.
	Marks *commit.Partition
	// Records is how many may be in the queue, and Bytes how much they may hold,
	// before Reserve refuses. What is read is always taken.
	Records int
	Bytes   int
}

// Queue is the state of one source partition and its retry partition in one
// generation. Safe for concurrent use. No method blocks.
//
// A record is known by its source offset, timestamp and key together.
type Queue struct {
	cfg    Config
	size   atomic.Int64 // how many items there are
	lowest atomic.Int64 // the lowest source offset that is ahead
	opened chan struct{}

	mu      sync.Mutex
	start   int64
	end     int64 // or negative, when it is not known
	last    Position
	dirty   bool // something is done that no commit has
	owner   int64
	bytes   int
	items   map[int64]*item // by source offset
	lines   map[string]*line
	ready   order // may run, by due time
	resting order // may be written once more, by mark
	ahead   order // by source offset
}

// NewQueue returns the queue of a new generation. Begin must follow.
func NewQueue(cfg Config) *Queue {
	q := &Queue{
		cfg: cfg, opened: make(chan struct{}),
		start: -1, end: -1, owner: NoOwner, last: Position{Owner: NoOwner},
		items: make(map[int64]*item), lines: make(map[string]*line),
		ready: order{place: inReady, less: func(a, b *item) bool {
			if c := a.due.Compare(b.due); c != 0 {
				return c < 0
			}
			return a.rec.Offset < b.rec.Offset
		}},
		resting: order{place: inResting, less: func(a, b *item) bool { return a.mark < b.mark }},
		ahead:   order{place: inAhead, less: func(a, b *item) bool { return a.rec.Offset < b.rec.Offset }},
	}
	q.lowest.Store(math.MaxInt64)
	if !cfg.KeepOrder {
		close(q.opened)
	}
	return q
}

// Begin says from where the source is read (-1 when that is not known yet), where it
// ends (-1 when that is not known), and what the last commit of the retry partition
// tells. It comes before Read and Position. With KeepOrder the end must be asked for when the marker
// is stored: an earlier owner can have written what was produced until then.
func (q *Queue) Begin(start, end int64, last Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.start, q.end, q.last = start, end, last
}

// Opened is closed when the own marker was read, which is at once without KeepOrder.
// Until then nothing of the source may be handled, and Next returns nothing.
func (q *Queue) Opened() <-chan struct{} { return q.opened }

// Owner is the number that this owner writes: NoOwner before Opened and without
// KeepOrder. With KeepOrder nothing is written before the group has taken a commit with
// it (Position): one that stood still, and is the owner no more, learns that from it.
func (q *Queue) Owner() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.owner
}

// Position is what is to be committed of the retry partition; offset is commit.Unknown
// as long as it is not read. It counts as committed then, until Dirty says that it is
// not. To be right after a crash, the position of the source partition must be taken
// before this one, and both be committed in one request, also when only one has changed.
func (q *Queue) Position() (offset int64, epoch int32, metadata string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	offset, epoch, done := q.cfg.Marks.Snapshot(MostSpan)
	if offset == commit.Unknown {
		return offset, epoch, ""
	}
	q.dirty = false
	owner := q.owner
	if !q.isOpen() {
		owner = q.last.Owner
	}
	return offset, epoch, q.last.at(offset, owner, done).Metadata()
}

// Dirty says that the position is to be committed, also when it was before.
func (q *Queue) Dirty() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dirty = true
}

// IsDirty reports whether something of the position is not committed, nor on its way.
func (q *Queue) IsDirty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dirty
}

// done notes that a copy is done.
func (q *Queue) done(m commit.Mark) {
	q.cfg.Marks.Done(m)
	q.dirty = true
}

// outdate notes that the newest copy of an item, if it was read, is done.
func (q *Queue) outdate(it *item) {
	if it.read {
		it.read = false
		q.done(it.mark)
	}
}

func (q *Queue) isOpen() bool {
	select {
	case <-q.opened:
		return true
	default:
		return false
	}
}

// Meet is called at the turn of a source record in its lane, before its handler. The
// offsets of one key rise.
func (q *Queue) Meet(rec *kgo.Record) Turn {
	if q.size.Load() == 0 {
		return Run
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.find(rec)
	if it != nil && it.copyAt != nowhere {
		q.meet(it)
		return Skip
	}
	if it != nil || !q.cfg.KeepOrder || rec.Key == nil {
		return Run
	}
	l := q.lines[string(rec.Key)]
	if l == nil {
		return Run
	}
	if q.ahead.Len() > 0 {
		q.overtaken(l, rec.Offset)
	}
	if l.blocks() {
		return Park
	}
	return Run
}

// overtaken lets those of a line run whose source records do not come, since a later
// one of the key has its turn. To wait for the watermark would not do: it can be the
// later one that holds it up, for there is no room to park it.
func (q *Queue) overtaken(l *line, offset int64) {
	for _, it := range l.items {
		if it.rec.Offset > offset {
			return
		}
		q.meet(it)
	}
}

// Passed says that the source's watermark is at offset: all before is done.
func (q *Queue) Passed(offset int64) {
	if offset <= q.lowest.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for it := q.ahead.first(); it != nil && it.rec.Offset < offset; it = q.ahead.first() {
		q.meet(it)
	}
}

// meet notes that the turn of the item's source record has come, or will not come.
func (q *Queue) meet(it *item) {
	if !it.ahead {
		return
	}
	it.ahead = false
	q.ahead.put(it, false)
	q.noteLowest()
	q.settle(it)
}

func (q *Queue) noteLowest() {
	lowest := int64(math.MaxInt64)
	if it := q.ahead.first(); it != nil {
		lowest = it.rec.Offset
	}
	q.lowest.Store(lowest)
}

// Reserve says what becomes of a source record that is to wait. Park: there is room for
// it, and its key is blocked; it is to be written, and Stored or Cancel must follow.
// Skip: a copy of it waits already, as when it was read after the record's turn had
// come. Run: the queue is full, and nothing has changed.
func (q *Queue) Reserve(rec *kgo.Record) Turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.find(rec); it != nil {
		if it.state == writing {
			q.wait(it) // what Cancel has kept
		}
		return Skip
	}
	bytes := held(rec)
	if int(q.size.Load()) >= q.cfg.Records || q.bytes+bytes > q.cfg.Bytes {
		return Run
	}
	q.add(&item{rec: rec, copyAt: nowhere, state: writing, bytes: bytes})
	return Park
}

// Cancel undoes Reserve: rec is not stored, and will not be; it is tried again where it
// is. Finish must follow: when a copy by somebody else has come, that is kept until then.
func (q *Queue) Cancel(rec *kgo.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.find(rec); it != nil && it.state == writing && it.copyAt == nowhere {
		q.remove(it)
	}
}

// Stored says that a copy of rec with n is stored at an offset of the retry partition.
// The entry waits from then on, also if it ran, and the copy before is done. The new
// one may have been read already.
func (q *Queue) Stored(rec *kgo.Record, n Note, offset int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.find(rec)
	if it == nil {
		return
	}
	if it.newer(max(n.Attempt, 1), offset) {
		q.outdate(it)
		it.take(n, offset)
	}
	q.wait(it)
}

// Return undoes Next or Oldest: the entry was not run, or could not be written once
// more, and waits as before.
func (q *Queue) Return(rec *kgo.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.find(rec); it != nil && it.state != writing {
		q.wait(it)
	}
}

// Finish says that rec has its final outcome, also when it was tried only where it is.
// It reports whether it was in the queue.
func (q *Queue) Finish(rec *kgo.Record) bool {
	if q.size.Load() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.find(rec)
	if it == nil {
		return false
	}
	q.remove(it)
	return true
}

// Next returns the entries that may run now. They count as running until Stored,
// Finish or Return. wake is when the next one may be due. It is zero when nobody
// knows: then a call of another method must come first.
func (q *Queue) Next(now time.Time) (run []Entry, wake time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.isOpen() {
		return nil, time.Time{}
	}
	for it := q.ready.first(); it != nil; it = q.ready.first() {
		if it.due.After(now) {
			return run, it.due
		}
		it.state = running
		if it.line != nil {
			it.line.running++
		}
		run = append(run, it.entry())
		q.settle(it)
	}
	return run, time.Time{}
}

// Oldest returns the entry that holds up the watermark, when it waits, to be written
// once more with the same note. It does not run until Stored or Return. To write another
// one would not help: the watermark would stay where it is.
func (q *Queue) Oldest() (Entry, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.resting.first()
	if it == nil {
		return Entry{}, false
	}
	if at, _, ok := q.cfg.Marks.Oldest(); !ok || at != it.copyAt {
		return Entry{}, false
	}
	it.state = moving
	q.settle(it)
	return it.entry(), true
}

// Len is how many records are in the queue, and how many bytes they hold.
func (q *Queue) Len() (records, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int(q.size.Load()), q.bytes
}

// find is nil when rec is not in the queue.
func (q *Queue) find(rec *kgo.Record) *item {
	it := q.items[rec.Offset]
	for it != nil && !it.same(rec) {
		it = it.next
	}
	return it
}

func (q *Queue) add(it *item) {
	it.next = q.items[it.rec.Offset]
	q.items[it.rec.Offset] = it
	q.size.Add(1)
	q.bytes += it.bytes
	if q.cfg.KeepOrder && it.rec.Key != nil && q.source(it.rec) {
		q.join(it)
	}
	if it.ahead {
		q.ahead.put(it, true)
		q.noteLowest()
	}
	q.settle(it)
}

// join puts an item into the line of its key.
func (q *Queue) join(it *item) {
	l := q.lines[string(it.rec.Key)]
	if l == nil {
		l = &line{key: string(it.rec.Key)}
		q.lines[l.key] = l
	}
	l.add(it)
	it.line = l
	if len(l.items) > 1 && l.items[0] == it {
		q.settle(l.items[1]) // it is the first no more
	}
}

func (q *Queue) source(rec *kgo.Record) bool {
	return rec.Topic == q.cfg.Topic && rec.Partition == q.cfg.Partition
}

func (q *Queue) remove(it *item) {
	q.outdate(it)
	q.forget(it)
	q.size.Add(-1)
	q.bytes -= it.bytes
	q.ready.put(it, false)
	q.resting.put(it, false)
	if it.ahead {
		q.ahead.put(it, false)
		q.noteLowest()
	}
	if l := it.line; l != nil {
		q.leave(it, l)
	}
}

// leave takes an item out of the line of its key.
func (q *Queue) leave(it *item, l *line) {
	if it.state == running {
		l.running--
	}
	l.remove(it)
	if len(l.items) == 0 {
		delete(q.lines, l.key)
		return
	}
	q.settle(l.items[0])
}

func (q *Queue) forget(it *item) {
	first := q.items[it.rec.Offset]
	if first == it {
		if it.next == nil {
			delete(q.items, it.rec.Offset)
		} else {
			q.items[it.rec.Offset] = it.next
		}
		return
	}
	for first.next != it {
		first = first.next
	}
	first.next = it.next
}

// wait lets an item wait.
func (q *Queue) wait(it *item) {
	ran := it.state == running
	it.state = waiting
	if ran && it.line != nil {
		it.line.running--
		q.settle(it.line.items[0])
	}
	q.settle(it)
}

// settle puts an item into the heaps that it belongs to now.
func (q *Queue) settle(it *item) {
	rests := it.state == waiting && it.read
	q.resting.put(it, rests)
	q.ready.put(it, rests && !it.ahead && (it.line == nil || it.line.items[0] == it && it.line.free()))
}
