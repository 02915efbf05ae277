package retry_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWorldWithOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { play(t, true) })
}

func TestWorldWithoutOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { play(t, false) })
}

func play(t *rapid.T, ordered bool) {
	w := &world{
		T: t, ordered: ordered, limit: rapid.IntRange(1, 6).Draw(t, "limit"), now: time.UnixMilli(10_000_000),
		facts: make(map[int64]*fact), committed: committed{source: -1},
	}
	w.assign(false)
	for range rapid.IntRange(1, 400).Draw(t, "steps") {
		w.step()
	}
	w.finish()
	w.complete()
}

// step lets one of the things happen that can.
func (w *world) step() {
	var can []func()
	add := func(weight int, f func()) {
		for range weight {
			can = append(can, f)
		}
	}
	if len(w.facts) < 12 || rapid.IntRange(0, 5).Draw(w.T, "more") == 0 {
		add(3, w.produce)
	}
	add(1, w.compact)
	add(1, func() { w.assign(rapid.Bool().Draw(w.T, "the owner stands still")) })
	if rapid.IntRange(0, 40).Draw(w.T, "remake") == 40 {
		add(1, w.remake)
	}
	add(2, w.tick)
	for _, f := range w.flights {
		w.fly(f, add)
	}
	for _, o := range w.owners {
		o.can(add)
	}
	rapid.SampledFrom(can).Draw(w.T, "step")()
}

func (w *world) tick() { w.now = w.now.Add(500 * time.Millisecond) }

func (w *world) alive(o *owner) bool {
	for _, other := range w.owners {
		if other == o {
			return true
		}
	}
	return false
}

func (w *world) fly(f *flight, add func(int, func())) {
	switch {
	case f.stored < 0:
		add(4, func() { w.store(f) })
		if w.alive(f.by) && f.fact != nil {
			add(1, func() {
				w.land(f)
				w.say("refused: attempt %d of %s, by owner %d", f.note.Attempt, f.fact, f.by.gen)
				f.failed()
			})
		} else if !w.alive(f.by) {
			add(1, func() { w.land(f) })
		}
	case f.acked == nil || !w.alive(f.by):
		w.land(f)
	default:
		add(4, func() {
			w.land(f)
			f.acked(f.stored)
		})
	}
}

func (o *owner) can(add func(int, func())) {
	w := o.w
	if o.retryNext < int64(len(w.log)) {
		add(4, func() { o.fetchRetry(rapid.IntRange(1, 4).Draw(w.T, "records")) })
	}
	switch {
	case o.commit == nil && !o.refused:
		add(2, o.ask)
	case o.commit != nil && !o.commit.sent:
		add(4, o.send)
	case o.commit != nil:
		add(4, func() { o.answered(rapid.Bool().Draw(w.T, "the answer comes")) })
	}
	if !o.begun() {
		return
	}
	add(4, func() { o.fetchSource(rapid.IntRange(1, 4).Draw(w.T, "records")) })
	add(3, o.run)
	add(1, o.passed)
	if o.retryMarks.Size().Span > 8 {
		add(4, o.move)
	}
	add(1, o.move)
	for _, j := range o.next() {
		add(4, func() { o.turn(j) })
	}
	for _, j := range append(append([]*job(nil), o.lane...), o.runs...) {
		switch j.state {
		case handled:
			add(3, func() { o.ended(j, w.final || rapid.Bool().Draw(w.T, "it succeeds")) })
		case resting:
			add(3, func() { o.handle(j) })
		}
	}
}

// finish lets an owner run to the end. What earlier ones have on its way still comes.
func (w *world) finish() {
	w.final = true
	w.assign(false)
	w.owners = w.owners[len(w.owners)-1:]
	o := w.reigning()
	for range 200 {
		if w.idle(o) {
			return
		}
		w.round(o)
	}
	w.wrong(progress, "it does not end")
}

func (w *world) idle(o *owner) bool {
	records, _ := o.q.Len()
	return o.begun() && len(w.flights) == 0 && records == 0 && len(o.lane) == 0 &&
		o.sourceNext >= w.lastOffset() && o.retryNext == int64(len(w.log))
}

func (w *world) lastOffset() int64 {
	for i := len(w.source) - 1; i >= 0; i-- {
		if !w.source[i].removed {
			return w.source[i].rec.Offset + 1
		}
	}
	return 0
}

// round does everything that can be done, once.
func (w *world) round(o *owner) {
	for _, f := range append([]*flight(nil), w.flights...) {
		w.fly(f, func(weight int, do func()) {
			if weight > 1 && (f.by == o || rapid.Bool().Draw(w.T, "it comes now")) {
				do()
			}
		})
	}
	o.fetchRetry(10)
	if o.commit == nil {
		o.ask()
	}
	o.send()
	o.answered(true)
	if !o.begun() {
		return
	}
	o.fetchSource(10)
	for _, j := range o.next() {
		o.turn(j)
	}
	for _, j := range append(append([]*job(nil), o.lane...), o.runs...) {
		switch j.state {
		case handled:
			o.ended(j, true)
		case resting:
			o.handle(j)
		}
	}
	o.run()
	o.passed()
	w.tick()
}
