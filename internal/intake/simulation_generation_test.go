//go:build synctests

package intake_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/status"
	"github.com/twmb/franz-go/pkg/kgo"
)

// generation is one partition during one assignment to one member.
type generation struct {
	place      place
	givenUp    bool
	bound      map[bool]bool       // its context is known, by whether it is that of the retry partition
	deliveries map[int64]*delivery // from the source
	retries    map[int64]*delivery // from the retry partition, the last one each
	order      map[string]*turn    // by key
	position   int64               // what the broker has for it
	marker     int64               // with which it has begun to read the retry partition, or -1
	waiting    map[int64]struct{}  // records that it has made wait
	moving     map[int64]*delivery // records of which it writes a copy

	open    int // records that were delivered and are not settled
	inside  int // records whose handlers have not returned
	running int // handlers
}

// turn is whose turn it is in the records of one key.
type turn struct {
	running *delivery
	last    int64
}

// delivery is one record on its way through the handler of one member.
type delivery struct {
	account    *account
	generation *generation // nil: it does not count
	offset     int64
	key        string // of the records that are in order with it; "" is none
	failed     bool   // in its batch; it still has the turn of its key
	attempt    int
	retried    bool // it comes from the retry partition
	returned   bool
	settled    bool      // finally, or it waits
	waits      bool      // a copy of it is stored
	waited     bool      // there may be an earlier copy, with which it is done
	at         time.Time // when it settled
}

func (d *delivery) String() string {
	switch {
	case d == nil:
		return "it was not delivered"
	case d.waits:
		return "it waits in its retry topic"
	case d.settled:
		return "settled"
	case d.returned:
		return "its handler has returned, its reply is on its way"
	}
	return "its handler runs"
}

// owns begins a generation, unless the member has the partition anyway.
func (l *ledger) owns(a *account, p place) {
	if g := a.generations[p]; g != nil && !g.givenUp {
		return
	}
	l.alone(a, p)
	a.generations[p] = &generation{
		place: p, deliveries: make(map[int64]*delivery), retries: make(map[int64]*delivery), bound: make(map[bool]bool),
		order: make(map[string]*turn), waiting: make(map[int64]struct{}), moving: make(map[int64]*delivery), marker: -1,
		position: max(l.logs[p].from, l.logs[p].committed),
	}
}

// alone checks that nobody else has a partition. A member that stops tells neither
// what it gives up nor that it opens nothing that it is still given.
func (l *ledger) alone(a *account, p place) {
	if l.trouble.After(time.Now().Add(-aftermath)) || !a.leaving.IsZero() || time.Since(l.began) > 30*time.Second {
		return
	}
	for _, other := range l.members {
		g := other.generations[p]
		if other != a && !other.gone && other.leaving.IsZero() && g != nil && !g.givenUp && !other.silent(l.settings.session) {
			l.breaks(oneOwner, "%s gets %v, which %s still has", a.name, p, other.name)
		}
	}
}

// hears notes that a member lives.
func (l *ledger) hears(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, _, _ := strings.Cut(id, "-")
	if a := l.members[name]; a != nil {
		a.heard = time.Now()
	}
}

// silent reports whether the broker may have thrown the member out. The embedded one does
// so also with members that wait in a join, which send no heartbeats.
func (a *account) silent(session time.Duration) bool {
	return !a.heard.IsZero() && time.Since(a.heard) > session
}

// generationOf finds the generation of a delivery by its context: there is one
// context for each.
func (a *account) generationOf(ctx context.Context, p place, retried bool) *generation {
	if g := a.contexts[ctx]; g != nil {
		return g
	}
	g := a.generations[p]
	if g == nil || g.bound[retried] || ctx.Err() != nil { // of an earlier one that delivered nothing else
		return nil
	}
	g.bound[retried] = true
	a.contexts[ctx] = g
	return g
}

// polls checks what a member holds when it asks for more. Only the same goroutine
// brings new records, so what is too much now was so when it was asked which are paused.
func (l *ledger) polls(who string, paused map[string][]int32, held []status.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.members[who]
	for _, h := range held {
		p := place{h.Topic, h.Partition}
		if l.logs[p] == nil {
			continue // of a retry topic
		}
		full := h.Waiting > l.settings.queueLimit || h.Span > l.settings.uncommittedLimit
		if full && !slices.Contains(paused[h.Topic], h.Partition) {
			l.breaks(bounds, "%s holds %d records of %v, %d with those behind the oldest, and polls more; the limits are %d and %d",
				who, h.Waiting, p, h.Span, l.settings.queueLimit, l.settings.uncommittedLimit)
		}
		g := a.generations[p]
		if g == nil || a.gone || g.givenUp {
			continue
		}
		if g.open > h.Unfinished || g.inside > h.Waiting {
			l.breaks(bounds, "%s says that %d records of %v are unfinished and %d wait, but %d are under way and %d in handlers",
				who, h.Unfinished, p, h.Waiting, g.open, g.inside)
		}
	}
}

// begins notes that a handler is called.
func (l *ledger) begins(who string, ctx context.Context, item intake.Item) *delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := item.Record
	a, p := l.members[who], placeOf(r)
	d := &delivery{account: a, offset: r.Offset, key: l.keyOf(r), attempt: item.Attempt(), retried: item.Retried()}
	if a.gone {
		return d
	}
	l.writes("%s gets %v %d %q, attempt %d, retried %t", who, p, r.Offset, d.key, d.attempt, d.retried)
	g := a.generationOf(ctx, p, d.retried)
	if g == nil || g.givenUp {
		// The engine may be between two steps when a partition is lost; but
		// then it has told the handler.
		if ctx.Err() == nil {
			l.breaks(oneOutcome, "%s gets record %d of %v, which it does not own", who, r.Offset, p)
		}
		return d
	}
	l.once(g, d)
	d.generation = g
	if d.retried {
		l.isDue(d)
		g.retries[r.Offset] = d
	} else {
		g.deliveries[r.Offset] = d
		g.open++
		g.inside++
	}
	if l.settings.retries == ordered {
		l.inOrder(d)
	}
	l.takesTurn(who, d)
	l.runs(d, 1)
	return d
}

// once checks that a record is delivered once in a generation, and once more only when
// it has waited. Without order, one that is replayed can be delivered beside its copy.
func (l *ledger) once(g *generation, d *delivery) {
	before, retried := g.deliveries[d.offset], g.retries[d.offset]
	switch {
	case !d.retried && before != nil:
	case l.settings.retries != ordered:
		return
	case d.retried && retried != nil:
		if before = retried; before.waits {
			return
		}
	case d.retried && (before == nil || before.waits), !d.retried && retried == nil:
		return
	}
	if before == nil {
		before = retried
	}
	l.breaks(oneOutcome, "%s gets record %d of %v again in one generation: %v", d.account.name, d.offset, g.place, before)
}

// runs counts the handlers that run.
func (l *ledger) runs(d *delivery, n int) {
	g, a := d.generation, d.account
	if g == nil {
		return
	}
	g.running += n
	if g.givenUp {
		return
	}
	if a.running += n; n > 0 && a.running > l.settings.concurrency+2*len(l.logs) {
		l.breaks(bounds, "%s runs %d handlers", a.name, a.running)
	}
}

// rests notes that a handler waits for its next attempt and does not count as
// running.
func (l *ledger) rests(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs(d, -1)
}

// wakes notes the end of a rest. One that ends early, since its partition is given up,
// asks for no place.
func (l *ledger) wakes(d *delivery, early bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := d.generation; early && g != nil {
		if g.running++; !g.givenUp {
			d.account.running++
		}
		return
	}
	l.runs(d, 1)
}

// fails notes that a batch could not handle a record: it comes again, and its key
// waits for that.
func (l *ledger) fails(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.failed = true
	if d.generation != nil {
		d.generation.inside--
		l.runs(d, -1)
	}
}

// resumes notes that a record that failed in its batch is served alone.
func (l *ledger) resumes(who string, ctx context.Context, item intake.Item) *delivery {
	l.mu.Lock()
	r := item.Record
	a, p := l.members[who], placeOf(r)
	g := a.contexts[ctx]
	if a.gone || g == nil || g.deliveries[r.Offset] == nil {
		l.mu.Unlock()
		return l.begins(who, ctx, item)
	}
	defer l.mu.Unlock()
	l.writes("%s gets %v %d alone", who, p, r.Offset)
	d := g.deliveries[r.Offset]
	if t := g.order[d.key]; !d.failed || t != nil && t.running != d {
		l.breaks(oneOutcome, "%s gets record %d of %v alone: %v", who, r.Offset, p, d)
		return &delivery{account: a, offset: r.Offset} // which does not count
	}
	if ctx.Err() == nil && g.givenUp {
		l.breaks(oneOutcome, "%s gets record %d of %v alone, which it does not own", who, r.Offset, p)
	}
	d.failed = false
	g.inside++
	l.runs(d, 1)
	return d
}

// keyOf is what puts records in order with each other.
func (l *ledger) keyOf(r *kgo.Record) string {
	switch {
	case l.settings.order == byPartition:
		return "all"
	case l.settings.order == noOrder || r.Key == nil:
		return ""
	}
	return string(r.Key)
}

func (l *ledger) takesTurn(who string, d *delivery) {
	if d.key == "" || d.retried && l.settings.retries != ordered {
		return
	}
	g := d.generation
	t := g.order[d.key]
	if t == nil {
		t = &turn{last: -1}
		g.order[d.key] = t
	}
	switch {
	case t.running != nil:
		l.breaks(keyOrder, "%s gets record %d of %v with key %q while %d runs", who, d.offset, g.place, d.key, t.running.offset)
	case t.last > d.offset || t.last == d.offset && !d.retried:
		l.breaks(keyOrder, "%s gets record %d of %v with key %q after %d", who, d.offset, g.place, d.key, t.last)
	}
	t.running, t.last = d, d.offset
}

// returns notes that a handler is about to return.
func (l *ledger) returns(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.returned = true
	g := d.generation
	if g == nil {
		return
	}
	if !d.retried {
		g.inside--
	}
	l.runs(d, -1)
	g.endsTurn(d)
}

func (g *generation) endsTurn(d *delivery) {
	if t := g.order[d.key]; t != nil && t.running == d {
		t.running = nil
	}
}

// settles notes that a record has its final outcome and the engine is about to
// be told.
func (l *ledger) settles(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := d.generation
	if g == nil || g.givenUp || d.account.gone {
		return
	}
	if d.settled {
		l.breaks(oneOutcome, "%s settles record %d of %v twice: %v", d.account.name, d.offset, g.place, d)
		return
	}
	l.writes("%s settles %v %d", d.account.name, g.place, d.offset)
	d.settled, d.at = true, time.Now()
	l.logs[g.place].outcomes[d.offset] = struct{}{}
	delete(g.waiting, d.offset)
	g.closes(d)
}

// closes counts a delivery from the source as one that is not under way any more.
func (g *generation) closes(d *delivery) {
	if !d.retried && !d.waited {
		g.open--
	}
}

// aftermath is how long after something has gone wrong a commit may be missing.
const aftermath = 8 * time.Second

// handsOver checks that what a generation has finished is committed when its
// partition is given up in order.
func (l *ledger) handsOver(a *account, g *generation) {
	quiet := time.Now().Add(-aftermath)
	if l.trouble.After(quiet) || a.refused.After(quiet) || a.failing {
		return
	}
	// What is finished while a revoke commits can miss it, and what is finished
	// while a member stops.
	earlier := time.Now().Add(-100 * time.Millisecond)
	if !a.leaving.IsZero() && a.leaving.Before(earlier) {
		earlier = a.leaving
	}
	if d := g.deliveries[g.position]; d != nil && d.settled && d.at.Before(earlier) {
		l.breaks(handOver, "%s gives up %v at %d without a commit of that record, finished %v ago",
			a.name, g.place, g.position, time.Since(d.at))
	}
}
