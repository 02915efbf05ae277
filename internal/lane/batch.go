package lane

import (
	"cmp"
	"slices"
	"time"
)

// Batch makes a lane serve its records in batches. A batch holds its keys until it
// is served: a record whose key is busy waits for a later one.
type Batch struct {
	// Size is how many records a batch has at most. At least 1.
	Size int
	// Wait is how long a record whose key is free waits for others.
	Wait time.Duration
	// Serve handles a batch, in the order of offsets. It sets Failed of the records
	// that it could not handle: they come again, each alone, before later ones with
	// their key. It is called from several goroutines at once.
	Serve func(batch []Turn)
	// Alone handles one of those.
	Alone func(Turn)
}

// gathering is the batch that a lane gathers. It has no goroutine: it is served
// when it is full, or by a timer.
type gathering struct {
	cfg    *Batch
	began  time.Time
	turns  []Turn
	keys   map[uint64]struct{} // of turns; the lane counts them as busy
	freed  []uint64            // keys whose parked records are next
	oldest time.Duration       // when the first of turns came
	mixed  bool                // turns are not in the order of offsets
	late   bool                // it waits for nobody any more
	last   int                 // the size of the one before
	timer  *time.Timer
	until  time.Duration // what the timer is set to
}

func newGathering(l *Lane) *gathering {
	g := &gathering{cfg: l.cfg.Batch, began: time.Now(), keys: make(map[uint64]struct{})}
	g.timer = time.AfterFunc(time.Hour, l.ripe)
	g.timer.Stop()
	return g
}

// now is the time since the lane was started, or zero without batches.
func (g *gathering) now() time.Duration {
	if g == nil {
		return 0
	}
	return time.Since(g.began)
}

func (g *gathering) full() bool { return len(g.turns) == g.cfg.Size }

// due reports whether there is a batch to be served.
func (l *Lane) due() bool {
	g := l.gather
	return g.full() || g.late && len(g.turns) > 0
}

// fill takes into the batch what has its key free: first the records that were
// parked and came earlier, then those in the queue. It parks what has not.
func (l *Lane) fill() {
	g := l.gather
	for len(g.freed) > 0 && !g.full() {
		parked := l.busy[g.freed[0]]
		for parked.len() > 0 && !g.full() {
			g.add(parked.pop())
		}
		g.freed = g.freed[1:] // what is left waits behind this batch
	}
	for l.queue.len() > 0 && !g.full() {
		next := l.queue.pop()
		_, busy := l.busy[next.key]
		switch _, here := g.keys[next.key]; {
		case busy && !here:
			l.behind(next.key).push(next)
			continue
		case next.key != none && !here:
			l.busy[next.key] = nil
		}
		g.add(next)
	}
	g.arm()
}

func (g *gathering) add(t Turn) {
	if g.turns == nil {
		g.turns = make([]Turn, 0, g.last)
	}
	if n := len(g.turns); n == 0 {
		g.oldest = t.came
	} else {
		g.oldest = min(g.oldest, t.came)
		g.mixed = g.mixed || t.Mark < g.turns[n-1].Mark
	}
	t.first = false
	if _, here := g.keys[t.key]; !here && t.key != none {
		g.keys[t.key], t.first = struct{}{}, true
	}
	g.turns = append(g.turns, t)
}

// arm sees to it that the batch is served in time.
func (g *gathering) arm() {
	if len(g.turns) == 0 || g.full() || g.late {
		return
	}
	until := g.oldest + g.cfg.Wait
	if left := until - g.now(); left <= 0 {
		g.late = true
	} else if until != g.until {
		g.until = until
		g.timer.Reset(left)
	}
}

// ripe is the timer of the batch.
func (l *Lane) ripe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gather.until = 0
	l.gather.arm() // it may have fired for a batch that was full before
	l.hasten()
}

// Hurry says that no further records come for now: a batch that waits for them
// is served.
func (l *Lane) Hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gather != nil && !l.stopped {
		l.gather.late = len(l.gather.turns) > 0
		l.hasten()
	}
}

// takeBatch returns the batch and begins the next one.
func (l *Lane) takeBatch() []Turn {
	g := l.gather
	batch := g.turns
	if g.mixed {
		slices.SortFunc(batch, func(a, b Turn) int { return cmp.Compare(a.Mark, b.Mark) })
	}
	l.taken += len(batch)
	g.turns, g.last, g.mixed, g.late = nil, len(batch), false, false
	clear(g.keys)
	l.fill()
	return batch
}

// settleBatch ends a batch. What it could not handle is first of its key.
func (l *Lane) settleBatch(batch []Turn) {
	l.taken -= len(batch)
	if l.stopped {
		l.held -= len(batch)
		return
	}
	for _, t := range slices.Backward(batch) {
		switch {
		case t.Failed == nil:
			l.held--
		case t.key == none:
			l.ready.unshift(t)
		default:
			l.behind(t.key).unshift(t)
		}
	}
	for _, t := range batch {
		if t.first {
			l.free(t.key)
		}
	}
	l.fill()
}

// drop lets go of everything, for a lane that stops.
func (g *gathering) drop() {
	if g != nil {
		g.timer.Stop()
		g.turns, g.keys, g.freed = nil, nil, nil
	}
}
