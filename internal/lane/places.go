package lane

import (
	"sync"
	"sync/atomic"
)

// Places bounds how many workers of several lanes run at once, and shares the
// places fairly between them. Safe for concurrent use.
type Places struct {
	most   int
	always bool // a lane without a worker gets one beyond the bound

	mu      sync.Mutex
	used    int
	lanes   int     // lanes that share the places
	waiting []*Lane // were refused; they are asked again when a place is free
	wanted  atomic.Bool
}

// NewPlaces returns most places, at least one. With always, a lane without a
// worker gets one even when all places are taken: so no lane can be starved by
// others. Without it the bound is hard, for it may stand for something outside.
func NewPlaces(most int, always bool) *Places { return &Places{most: max(1, most), always: always} }

// share is how many times the free places a lane may hold. One greedy lane so
// leaves a ninth of all places to newcomers, two leave a seventeenth, and so on.
// It is the dynamic threshold of Choudhury and Hahne for shared buffers.
const share = 8

// join is called by a lane that starts.
func (p *Places) join() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes++
}

// leave is called by a lane that has stopped.
func (p *Places) leave(l *Lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes--
	for i, w := range p.waiting {
		if w == l {
			p.drop(i)
			break
		}
	}
}

// take gives a place to a lane that holds mine already. One that is refused is
// asked again later.
func (p *Places) take(l *Lane, mine int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.allows(mine) {
		p.used++
		return true
	}
	if !l.refused {
		l.refused = true
		p.waiting = append(p.waiting, l)
		p.wanted.Store(true)
	}
	return false
}

func (p *Places) allows(mine int) bool {
	free := p.most - p.used
	switch {
	case mine == 0 && p.always:
		return true
	case free <= 0:
		return false
	}
	return p.lanes <= 1 || mine < share*free
}

// enter takes a place without asking.
func (p *Places) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used++
}

// give takes a place back.
func (p *Places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
}

// offer asks the lanes that were refused again, the one that has waited for
// longest first, until one of them has taken a place. The caller holds no lock.
func (p *Places) offer() {
	if !p.wanted.Load() {
		return
	}
	p.mu.Lock()
	most := len(p.waiting)
	p.mu.Unlock()
	for range most {
		if l := p.next(); l == nil || l.offered() {
			return
		}
	}
}

func (p *Places) next() *Lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 || p.used >= p.most {
		return nil
	}
	l := p.waiting[0]
	p.drop(0)
	return l
}

func (p *Places) drop(i int) {
	p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
	p.wanted.Store(len(p.waiting) > 0)
}

// Used is how many workers run.
func (p *Places) Used() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
