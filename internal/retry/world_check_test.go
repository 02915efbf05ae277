package retry_test

// What must hold. Mutants name the rule that they break.
const (
	noLoss   = "no record is lost"
	keyOrder = "the order of a key"
	replay   = "only a suffix is replayed"
	forward  = "attempts go forward"
	bounds   = "bounds"
	progress = "progress"
	sane     = "sanity"
)

// handle gives a record to its handler.
func (o *owner) handle(j *job) {
	w := o.w
	w.clock++
	j.state = handled
	w.say("owner %d handles %s, attempt %d", o.gen, j.fact, j.attempt)
	if w.ordered && j.attempt < o.attempt[j.fact] && j.fact.final == 0 {
		w.wrong(forward, "%s has attempt %d after %d", j.fact, j.attempt, o.attempt[j.fact])
	}
	o.attempt[j.fact] = j.attempt
	if o == w.reigning() {
		j.fact.handled = w.clock
	}
	if w.ordered && j.rec.Key != nil {
		o.inOrder(j)
	}
}

// open says whether f has no outcome that this owner could know. Somebody who does not
// reign cannot know of a record that the source has no more.
func (o *owner) open(f *fact) bool {
	gone := f.removed && o != o.w.reigning()
	return !f.lost && !gone && !o.end[f] && (f.final == 0 || f.final > o.gen)
}

// inOrder checks that all earlier records of the key are final, that this one does not
// come after a later one in this generation, and that no other one is in a handler.
func (o *owner) inOrder(j *job) {
	for _, f := range o.w.facts {
		if before(f, j.fact) && o.open(f) {
			o.w.wrong(keyOrder, "%s is handled, and %s has no final outcome", j.fact, f)
		}
	}
	key := string(j.rec.Key)
	if h := o.highest[key]; h != nil && before(j.fact, h) {
		o.w.wrong(keyOrder, "%s is handled after %s in generation %d", j.fact, h, o.gen)
	}
	o.highest[key] = j.fact
	for _, other := range o.jobs() {
		if other != j && other.state == handled && other.rec.Key != nil && string(other.rec.Key) == key {
			o.w.wrong(keyOrder, "%s is handled beside %s", j.fact, other.fact)
		}
	}
}

// before says whether f is an earlier record of the key of g.
func before(f, g *fact) bool {
	return f.life == g.life && f.rec.Offset < g.rec.Offset &&
		f.rec.Key != nil && g.rec.Key != nil && string(f.rec.Key) == string(g.rec.Key)
}

// ends notes a final outcome.
func (o *owner) ends(j *job) {
	o.w.say("owner %d ends %s", o.gen, j.fact)
	o.end[j.fact] = true
	if o == o.w.reigning() && j.fact.final == 0 {
		j.fact.final = o.gen
	}
}

// answered is a commit that has come to the broker.
func (o *owner) answered(heard bool) {
	w, r := o.w, o.commit
	o.commit = nil
	if o != w.reigning() {
		o.refused = true
		w.say("the commit of owner %d is refused", o.gen)
		return
	}
	if w.committed.source = r.source; r.retry >= 0 {
		w.committed.retry, w.committed.metadata = r.retry, r.metadata
	}
	w.say("owner %d commits %d and %d, %q", o.gen, r.source, r.retry, r.metadata)
	w.durable()
	o.confirmed = o.confirmed || heard && r.number
}

// durable checks that whoever comes next finds each record that is not final: in the
// source, or in the retry partition.
func (w *world) durable() {
	for _, f := range w.facts {
		there := f.life == w.life && !f.removed && f.rec.Offset >= w.committed.source
		if f.final == 0 && !f.lost && !there && !w.kept(f) {
			w.wrong(noLoss, "a crash now would lose %s", f)
		}
	}
}

// complete checks the world after its end.
func (w *world) complete() {
	o := w.reigning()
	for _, f := range w.facts {
		if f.final == 0 && !f.lost {
			w.wrong(noLoss, "%s has no outcome", f)
		}
	}
	if w.ordered {
		w.suffixes()
	}
	if records, bytes := o.q.Len(); records != 0 || bytes != 0 {
		w.wrong(progress, "%d records and %d bytes are left in the queue", records, bytes)
	}
	if n := o.retryMarks.Size().Unfinished; n != 0 {
		w.wrong(progress, "%d records of the retry partition are not done", n)
	}
	if n := o.sourceMarks.Size().Unfinished; n != 0 {
		w.wrong(progress, "%d records of the source are not done", n)
	}
}

// suffixes checks what handlers were left with: who was given a record again was
// given all later ones of its key again. A record that the source has no more cannot
// be given again.
func (w *world) suffixes() {
	for _, f := range w.facts {
		for _, g := range w.facts {
			if before(f, g) && f.handled > g.handled && !g.removed && !f.lost && !g.lost {
				w.wrong(replay, "%s was handled after %s, for good", f, g)
			}
		}
	}
}
