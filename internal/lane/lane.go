// Package lane runs the records of one partition through the service: those of
// one key one after the other, different keys at once, one by one or in batches.
package lane

import (
	"hash/maphash"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Order says which records of a partition wait for each other.
type Order uint8

// The orders.
const (
	ByKey   Order = iota // records with one key; those without a key wait for nobody
	Whole                // all
	Nothing              // none
)

// Config is what a Lane needs.
type Config struct {
	Order Order
	// Places are asked for each worker, in this order.
	Places []*Places
	// Serve handles one record. Its second argument is the mark that was given
	// to Push, its third the time: the lane has looked at the clock already. It is
	// called from several goroutines at once.
	Serve func(rec *kgo.Record, mark uint64, now time.Time)
	// Batch serves records together, in place of Serve. May be nil.
	Batch *Batch
	// Left is called when records have ended, with how many the lane still holds. May
	// be nil.
	Left func(held int)
}

// Lane is the records of one partition that have not been handled yet, and the
// workers that do it. A worker is a goroutine that serves one record after the
// other: a fast handler needs few of them, and no wake-up for each record. A
// lane without work has no worker. Its memory is bounded by its caller: what is
// given to Push is kept until the last of it has begun.
type Lane struct {
	cfg Config

	mu      sync.Mutex
	queue   backlog    // in the order of offsets; the key of the first is free
	ready   fifo[Turn] // were parked; their key is theirs now
	busy    map[uint64]*fifo[Turn]
	gather  *gathering // nil without batches
	held    int        // records that have not been served
	taken   int        // of these, records that workers have
	running int        // workers, also those that rest
	workers int        // workers that hold places
	back    []chan struct{}
	refused bool // waits for a place, in the queue of one of cfg.Places

	runs    []*run        // those with several records
	spare   *run          // of the last worker that ended; may be nil
	pace    time.Duration // moving average of how long a record takes
	served  uint64
	tick    *time.Timer
	ticking bool
	atTick  uint64        // what served was then
	pause   time.Duration // until the next tick

	stopped bool
	stop    chan struct{} // closed by Stop
	ended   chan struct{}
}

// none is the key of a record that waits for nobody.
const none = 0

// seed differs in each process, so that nobody can choose keys with one hash.
var seed = maphash.MakeSeed()

const (
	// slow is the pace from which each record is worth a worker of its own.
	// Starting one costs about half a microsecond.
	slow = 20 * time.Microsecond
	// quick is the pace below which a second worker is in the way of the first: both
	// would mostly wait for the lane.
	quick = 2 * time.Microsecond
	// firstTick is how long a record that may run can be held up by workers
	// that are stuck in others.
	firstTick = time.Millisecond
	// lastTick is the time between two looks at a lane that gets no place.
	lastTick = 64 * time.Millisecond
	// longest is how long a worker keeps its place while others wait for one.
	longest = 10 * time.Millisecond
)

// Start returns a lane. Stop ends it.
func Start(cfg Config) *Lane {
	l := &Lane{cfg: cfg, pace: quick, busy: make(map[uint64]*fifo[Turn]), stop: make(chan struct{}), ended: make(chan struct{})}
	if cfg.Left == nil {
		l.cfg.Left = func(int) {}
	}
	l.tick = time.AfterFunc(time.Hour, l.look)
	l.tick.Stop()
	if cfg.Batch != nil {
		l.gather = newGathering(l)
	}
	for _, p := range cfg.Places {
		p.join()
	}
	return l
}

// Push adds records, in the order of their offsets; the mark is that of the
// first, and the next ones' are one higher each. It returns how many the lane now
// holds. After Stop they are ignored.
func (l *Lane) Push(records []*kgo.Record, mark uint64) (held int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return l.held
	}
	l.held += len(records)
	l.queue.push(piece{records: records, keys: l.keys(records), mark: mark, came: l.gather.now()})
	l.sift()
	if l.workers == 0 {
		l.grow(1)
	}
	l.hasten()
	return l.held
}

// keys are those of records, or nil when they have none.
func (l *Lane) keys(records []*kgo.Record) (keys []uint64) {
	for i, rec := range records {
		if key := l.key(rec); key != none {
			if keys == nil {
				keys = make([]uint64, len(records))
			}
			keys[i] = key
		}
	}
	return keys
}

func (l *Lane) key(rec *kgo.Record) uint64 {
	switch {
	case l.cfg.Order == Whole:
		return 1
	case l.cfg.Order == Nothing || rec.Key == nil:
		return none
	}
	return maphash.Bytes(seed, rec.Key) | 1 // never none
}

// sift finds what can run among the records in the queue.
func (l *Lane) sift() {
	if l.gather != nil {
		l.fill()
	} else {
		l.park()
	}
}

// park moves records behind others with their key, until the first one in the
// queue can run.
func (l *Lane) park() {
	for l.queue.len() > 0 {
		key := l.queue.head().key(0)
		if _, busy := l.busy[key]; !busy {
			return
		}
		l.behind(key).push(l.queue.pop())
	}
}

// behind is the records that are parked behind a busy key.
func (l *Lane) behind(key uint64) *fifo[Turn] {
	waiting := l.busy[key]
	if waiting == nil {
		waiting = &fifo[Turn]{}
		l.busy[key] = waiting
	}
	return waiting
}

func (l *Lane) runnable() bool {
	if l.gather != nil {
		return l.ready.len() > 0 || l.due()
	}
	return l.ready.len() > 0 || l.queue.len() > 0
}

// take returns the record that may run next.
func (l *Lane) take() Turn {
	l.taken++
	if l.ready.len() > 0 {
		return l.ready.pop()
	}
	next := l.queue.pop()
	if next.key != none {
		l.busy[next.key] = nil // nobody is parked yet
	}
	return next
}

// free ends the turn of a key: the first record that is parked behind it is next.
func (l *Lane) free(key uint64) {
	waiting, busy := l.busy[key]
	switch {
	case !busy:
	case waiting == nil || waiting.len() == 0:
		delete(l.busy, key)
	case l.gather == nil || waiting.head().Failed != nil:
		l.ready.push(waiting.pop())
	default:
		l.gather.freed = append(l.gather.freed, key)
	}
}

// grow starts up to n workers while there are records that may run and places
// for them. Those who come back from a rest are first.
func (l *Lane) grow(n int) (grown bool) {
	for ; n > 0 && (len(l.back) > 0 || l.runnable()) && l.acquire(); n-- {
		grown = true
		l.workers++
		if len(l.back) > 0 {
			close(l.back[0])
			l.back = l.back[1:]
			continue
		}
		l.running++
		go l.work(l.first())
	}
	return grown
}

// hasten starts a worker for each record that may run when the handlers are
// slow, and makes sure that somebody looks again at those that are left: all
// workers may be stuck.
func (l *Lane) hasten() {
	if l.stopped {
		return
	}
	if l.pace >= slow || l.gather != nil {
		l.grow(math.MaxInt)
	}
	waits := l.runnable() || len(l.back) > 0 || len(l.runs) > 0
	if waits && !l.ticking || len(l.runs) > 0 && l.pause > firstTick {
		l.ticking, l.pause, l.atTick = true, firstTick, l.served
		l.tick.Reset(l.pause)
	}
}

func (l *Lane) acquire() bool {
	for i, p := range l.cfg.Places {
		if !p.take(l, l.workers) {
			for _, other := range l.cfg.Places[:i] {
				other.give() // a lane that was refused for this looks again at its next tick
			}
			return false
		}
	}
	return true
}

// release gives a worker's place back. The caller holds no lock.
func (l *Lane) release() {
	for _, p := range l.cfg.Places {
		p.give()
	}
	for _, p := range l.cfg.Places {
		p.offer()
	}
}

// offered is called when there may be a place for a lane that was refused one.
func (l *Lane) offered() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = false
	grown := l.grow(1)
	l.hasten()
	return grown
}

// work serves records until none is left that may run.
func (l *Lane) work(r *run) {
	clock := newClock()
	began := clock.now()
	last := began
	for held, more := 0, true; more; {
		l.serve(r, last, &clock)
		now := clock.now()
		held, more = l.next(r, now.Sub(last), now.Sub(began))
		l.cfg.Left(held)
		last = now
	}
	l.release()
	l.revive() // it may have given its place up although there was work
}

func (l *Lane) serve(r *run, now time.Time, clock *clock) {
	if r.batch != nil {
		l.cfg.Batch.Serve(r.batch)
		return
	}
	for i, ok := r.begin(); ok; i, ok = r.begin() {
		if r.late.Load() {
			r.late.Store(false)
			now = clock.now()
		}
		if t := r.turn(i); t.Failed != nil {
			l.cfg.Batch.Alone(t)
		} else {
			l.cfg.Serve(t.Record, t.Mark, now)
		}
	}
}

// next ends what a worker has served, and gives it more. It reports false when the
// worker ends.
func (l *Lane) next(r *run, took, placed time.Duration) (held int, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	served := l.settle(r)
	l.served += uint64(served)
	l.pace += (min(took/time.Duration(served), 2*slow) - l.pace) / 16 // one that is held up by something else changes little
	if l.stopped || !l.runnable() || placed > longest && l.contended() {
		l.running--
		l.workers--
		l.spare = r
		l.end()
		return l.held, false
	}
	l.load(r)
	l.hasten()
	return l.held, true
}

// contended reports whether lanes wait for places.
func (l *Lane) contended() bool {
	for _, p := range l.cfg.Places {
		if p.wanted.Load() {
			return true
		}
	}
	return false
}

// look is the tick: records that may run were left for that long. When nothing
// has moved meanwhile, as many workers again are started as are stuck.
func (l *Lane) look() {
	if held, ended := l.lookLocked(); ended {
		l.cfg.Left(held)
	}
}

// lookLocked reports whether records of runs have ended, and how many are held now.
func (l *Lane) lookLocked() (held int, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ticking = false
	if l.stopped {
		return l.held, false
	}
	refused, pause, stuck, before := false, l.pause, l.served == l.atTick, l.held
	l.watch(stuck)
	switch {
	case stuck:
		refused = !l.grow(max(1, l.workers))
	case l.pace >= quick && l.workers < runtime.GOMAXPROCS(0) || len(l.back) > 0:
		refused = !l.grow(1)
	}
	l.hasten()
	if l.ticking && refused && len(l.runs) == 0 {
		l.pause = min(2*pause, lastTick)
		l.tick.Reset(l.pause)
	}
	return l.held, l.held < before
}

// revive starts a worker in a lane that has just lost its last one.
func (l *Lane) revive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.workers == 0 {
		l.grow(1)
	}
	l.hasten()
}

// Stop drops the records that have not begun and ends all rests. It does not
// wait: Ended does.
func (l *Lane) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.stopped = true
	l.tick.Stop()
	l.takeAllBack()
	l.queue, l.ready, l.busy = backlog{}, fifo[Turn]{}, nil
	l.gather.drop()
	l.held = l.taken
	close(l.stop)
	for _, back := range l.back {
		l.enter()
		close(back)
	}
	l.back = nil
	for _, p := range l.cfg.Places {
		p.leave(l)
	}
	l.end()
}

func (l *Lane) end() {
	if l.stopped && l.running == 0 {
		close(l.ended)
	}
}

// Held is how many records the lane holds: those that wait, are served or rest.
func (l *Lane) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// Ended is closed when the lane was stopped and its last worker has returned
// from its record.
func (l *Lane) Ended() <-chan struct{} { return l.ended }
