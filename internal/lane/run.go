package lane

import (
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// run is what a worker has taken: a batch, one record, or one and some that follow it,
// when the last ones were quick. So the worker asks the lane and the clock once for all
// of them. When one of them turns out to be slow, those behind it are taken back.
//
// What is not atomic is written under Lane.mu, by the worker or when it cannot read it.
type run struct {
	batch []Turn // served together; then there is nothing else

	first Turn
	more  []*kgo.Record
	keys  []uint64 // of more
	mark  uint64   // of the first of more; the next ones' are one higher each

	next    atomic.Int32 // how many the worker has begun
	late    atomic.Bool  // the worker must look at the clock
	settled int          // how many are settled
	end     int          // how many are the worker's
	seen    int32        // what next was at the last tick
}

// most is how many records a run has. With quick ones it takes no longer than a slow
// record does.
const most = 16

// begin is called by the worker before each record: it may have been taken back.
func (r *run) begin() (i int, ok bool) {
	i = int(r.next.Add(1)) - 1
	return i, i <= len(r.more)
}

// turn is one of the records.
func (r *run) turn(i int) Turn {
	if i == 0 {
		return r.first
	}
	return Turn{Record: r.more[i-1], Mark: r.mark + uint64(i-1), key: r.keys[i-1]}
}

// first is what a new worker serves.
func (l *Lane) first() *run {
	r := l.spare
	if l.spare = nil; r == nil {
		r = &run{}
	}
	l.load(r)
	return r
}

// load takes what a worker serves next.
func (l *Lane) load(r *run) {
	if l.gather != nil && l.ready.len() == 0 {
		r.batch = l.takeBatch()
		return
	}
	follow := l.gather == nil && l.ready.len() == 0 && l.pace < quick
	r.first = l.take()
	r.keys = r.keys[:0]
	if follow {
		l.follow(r)
	}
	r.settled, r.end, r.seen = 0, 1+len(r.more), 0
	r.next.Store(0)
	if r.more != nil {
		l.runs = append(l.runs, r)
	}
	if l.gather == nil {
		l.park()
	}
}

// follow takes what comes next, as far as it may run.
func (l *Lane) follow(r *run) {
	if l.queue.len() == 0 {
		return
	}
	next := l.queue.head()
	for len(r.keys) < min(most-1, len(next.records)) {
		key := next.key(len(r.keys))
		if _, busy := l.busy[key]; busy {
			break
		}
		if key != none {
			l.busy[key] = nil
		}
		r.keys = append(r.keys, key)
	}
	if n := len(r.keys); n > 0 {
		r.more, r.mark = next.records[:n], next.mark
		l.taken += n
		l.queue.skip(n)
	}
}

// settle ends what a worker has served, and returns how many records or batches that
// were.
func (l *Lane) settle(r *run) (served int) {
	if r.batch != nil {
		l.settleBatch(r.batch)
		r.batch = nil
		return 1
	}
	if r.more != nil {
		l.runs = slices.DeleteFunc(l.runs, func(other *run) bool { return other == r })
	}
	l.settleTo(r, r.end)
	r.first, r.more = Turn{}, nil // each record keeps all that was fetched with it
	if l.gather != nil {
		l.fill()
	}
	return max(1, r.end)
}

// settleTo ends the first records of a run.
func (l *Lane) settleTo(r *run, end int) {
	for ; r.settled < end; r.settled++ {
		key := r.first.key
		if r.settled > 0 {
			key = r.keys[r.settled-1]
		}
		l.taken--
		l.held--
		l.free(key)
	}
}

// takeBack takes from a worker what it has not begun.
func (l *Lane) takeBack(r *run) {
	begun := min(int(r.next.Swap(most)), r.end)
	l.settleTo(r, begun-1)
	for i := r.end - 1; i >= begun; i-- {
		l.taken--
		l.ready.unshift(r.turn(i))
	}
	r.end = begun
}

// takeAllBack is takeBack for all workers.
func (l *Lane) takeAllBack() {
	for _, r := range l.runs {
		l.takeBack(r)
	}
	l.runs = nil
}

// watch takes back what workers are stuck with: those that have begun nothing since the
// last tick, and all of them when none has ended what it took.
func (l *Lane) watch(stuck bool) {
	l.runs = slices.DeleteFunc(l.runs, func(r *run) bool {
		r.late.Store(true)
		next := r.next.Load()
		if !stuck && next != r.seen {
			r.seen = next
			return false
		}
		l.takeBack(r)
		return true
	})
}
