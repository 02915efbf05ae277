package retry_test

import (
	"slices"
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

// play lets one world go on for a while, and then to its end.
func play(t *rapid.T, ordered bool) {
	w := &world{
		T: t, ordered: ordered, limit: pick(t, "limit", []int{1, 2, 4, 8}), now: time.UnixMilli(10_000_000),
		facts: make(map[int64]*fact), committed: committed{source: -1},
	}
	w.assign(false)
	for range rapid.IntRange(200, 500).Draw(t, "steps") {
		w.step()
	}
	w.finish()
	w.complete()
}

// steps are what can happen now, each with its weight.
type steps struct {
	w   *world
	all []step
	sum int
}

type step struct {
	weight int
	do     func()
}

// add takes one more. How likely a kind is differs from time to time: so for a while
// nothing is read, or no answer comes, or everything fails.
func (s *steps) add(kind string, do func()) {
	weight, ok := s.w.weights[kind]
	if !ok {
		weight = pick(s.w.T, kind, []int{1, 3, 10, 30})
		s.w.weights[kind] = weight
	}
	s.all = append(s.all, step{weight, do})
	s.sum += weight
}

// step lets one of the things happen that can.
func (w *world) step() {
	if w.weights == nil || w.once(50) {
		w.weights, w.trouble = make(map[string]int), pick(w.T, "trouble once in", []int{2, 8, 30, 100})
	}
	can := &steps{w: w}
	if len(w.facts) < 12 || w.once(6) {
		can.add("produce", w.produce)
	}
	can.add("compact", w.compact)
	if w.once(w.trouble) {
		can.add("assign", func() { w.assign(rapid.Bool().Draw(w.T, "the owner stands still")) })
	}
	if w.once(10 * w.trouble) {
		can.add("remake", w.remake)
	}
	can.add("tick", w.tick)
	for _, f := range w.flights {
		w.fly(f, can)
	}
	for _, o := range w.owners {
		o.can(can)
	}
	can.add("open", w.open)
	can.add("deliver", func() { w.deliver(rapid.Bool().Draw(w.T, "and read")) })
	if w.once(w.trouble) {
		can.add("stumble", w.stumble)
	}
	if w.once(w.trouble) {
		can.add("linger", w.linger)
	}
	can.add("succeed all", w.succeed)
	can.add("commit", w.commit)
	at := below(w.T, "step", can.sum)
	for _, s := range can.all {
		if at -= s.weight; at < 0 {
			s.do()
			return
		}
	}
}

// once is true once in n times.
func (w *world) once(n int) bool { return below(w.T, "once", n) == n-1 }

func (w *world) tick() { w.now = w.now.Add(500 * time.Millisecond) }

func (w *world) alive(o *owner) bool { return slices.Contains(w.owners, o) }

// fly is what can become of a copy on its way. That of an owner who is gone may still
// come, or not.
func (w *world) fly(f *flight, can *steps) {
	alive := w.alive(f.by)
	switch {
	case f.stored >= 0 && alive && f.acked != nil:
		can.add("acknowledge", func() {
			w.land(f)
			f.acked(f.stored)
		})
	case f.stored >= 0:
		w.land(f)
	default:
		can.add("store", func() { w.store(f) })
		if f.fact != nil || !alive {
			can.add("refuse", func() { w.refuse(f) })
		}
	}
}

func (w *world) refuse(f *flight) {
	w.land(f)
	if w.alive(f.by) {
		w.say("refused: attempt %d of %s, by owner %d", f.note.Attempt, f.fact, f.by.gen)
		f.failed()
	}
}

// The next six are many steps of an owner at once. Without them a world
// seldom goes far.

// open lets the owner begin.
func (w *world) open() {
	if o := w.reigning(); !o.opened() {
		w.deliver(true)
		w.commit()
	}
}

// stumble gives the partitions to an owner that commits before it has read everything,
// and crashes.
func (w *world) stumble() {
	w.assign(rapid.Bool().Draw(w.T, "the owner stands still"))
	w.deliver(false)
	w.reigning().fetchRetry(below(w.T, "records", 6))
	w.commit()
	w.assign(false)
}

// linger gives the partitions to another owner, whose marker is still on its way, while
// the one before goes on with what is produced then.
func (w *world) linger() {
	o := w.reigning()
	if !o.opened() || !o.confirmed {
		return
	}
	w.assign(true)
	w.produce()
	o.fetchSource(10)
	for range 2 {
		for _, j := range o.next() {
			o.turn(j)
		}
		for _, j := range o.jobs() {
			if j.state == handled {
				o.ended(j, rapid.Bool().Draw(w.T, "it succeeds"))
			}
		}
	}
	for _, f := range w.flights {
		if f.by == o && f.stored < 0 {
			w.store(f)
		}
	}
}

// deliver brings what is on its way to its end.
func (w *world) deliver(read bool) {
	o := w.reigning()
	for _, f := range w.flights {
		if f.by == o && f.stored < 0 {
			w.store(f)
		}
	}
	for _, f := range w.flights {
		if f.by == o && f.acked != nil {
			w.land(f)
			f.acked(f.stored)
		}
	}
	if o.begun && read {
		o.fetchRetry(100)
	}
}

// succeed lets all handlers end well.
func (w *world) succeed() {
	o := w.reigning()
	for _, j := range o.jobs() {
		if j.state == handled {
			o.ended(j, true)
		}
	}
	if o.opened() {
		for _, j := range o.next() {
			o.turn(j)
		}
	}
}

func (w *world) commit() {
	o := w.reigning()
	if o.commit == nil {
		o.ask()
	}
	if !o.commit.sent {
		o.send()
	}
	o.answered(true)
}

func (o *owner) can(can *steps) {
	w := o.w
	if o.begun && o.retryNext < int64(len(w.log)) {
		can.add("fetch retries", func() { o.fetchRetry(1 + below(w.T, "records", 4)) })
	}
	switch {
	case o.commit == nil && !o.refused:
		can.add("ask", o.ask)
	case o.commit != nil && !o.commit.sent:
		can.add("send", o.send)
	case o.commit != nil:
		can.add("answer", func() { o.answered(rapid.Bool().Draw(w.T, "the answer comes")) })
	}
	if !o.opened() {
		return
	}
	can.add("fetch", func() { o.fetchSource(1 + below(w.T, "records", 4)) })
	can.add("run", o.run)
	can.add("passed", o.passed)
	if o.confirmed {
		can.add("move", o.move)
	}
	for _, j := range o.next() {
		can.add("turn", func() { o.turn(j) })
	}
	for _, j := range o.jobs() {
		switch j.state {
		case handled:
			can.add("succeed", func() { o.ended(j, true) })
			if o.confirmed {
				can.add("fail", func() { o.ended(j, false) })
			}
		case resting:
			can.add("again", func() { o.handle(j) })
		}
	}
}

// finish lets an owner run to the end. What earlier ones have on its way still comes,
// and a few things fail at first.
func (w *world) finish() {
	if w.once(2) {
		w.assign(false)
	}
	o := w.reigning()
	w.owners = []*owner{o}
	for i := range 200 {
		if w.idle(o) {
			return
		}
		w.round(o, i < 20)
	}
	w.wrong(progress, "it does not end")
}

func (w *world) idle(o *owner) bool {
	records, _ := o.q.Len()
	return o.opened() && len(w.flights) == 0 && records == 0 && len(o.lane) == 0 &&
		o.sourceNext >= w.lastOffset() && o.retryNext == int64(len(w.log))
}

func (w *world) lastOffset() int64 {
	for _, f := range slices.Backward(w.source) {
		if !f.removed {
			return f.rec.Offset + 1
		}
	}
	return 0
}

// round does everything that can be done, once.
func (w *world) round(o *owner, trouble bool) {
	for _, f := range slices.Clone(w.flights) {
		switch {
		case f.stored >= 0 && f.by == o && f.acked != nil:
			w.land(f)
			f.acked(f.stored)
		case f.stored >= 0 || f.by != o && !w.once(3):
			w.land(f)
		case trouble && f.fact != nil && w.once(3):
			w.refuse(f)
		default:
			w.store(f)
		}
	}
	if o.begun {
		o.fetchRetry(10)
	}
	w.commit()
	if o.opened() {
		w.work(o, trouble)
	}
	w.tick()
}

func (w *world) work(o *owner, trouble bool) {
	o.fetchSource(10)
	for _, j := range o.next() {
		o.turn(j)
	}
	for _, j := range o.jobs() {
		switch j.state {
		case handled:
			o.ended(j, !trouble || w.once(2))
		case resting:
			o.handle(j)
		}
	}
	o.run()
	o.passed()
	if trouble {
		o.move()
	}
}
