//go:build synctests

package intake_test

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// generation is one partition during one assignment to one member.
type generation struct {
	place      place
	givenUp    bool
	bound      bool // its context is known
	deliveries map[int64]*delivery
	order      map[string]*turn // by key
	position   int64            // what the broker has for it

	polled int64 // the newest record that was polled
	poll   int   // the poll that it came with
	held   int   // records that were polled and count as held

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
	returned   bool
	settled    bool
	at         time.Time // when it settled
}

func (d *delivery) String() string {
	switch {
	case d == nil:
		return "it was not delivered"
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
	a.generations[p] = &generation{
		place: p, deliveries: make(map[int64]*delivery), order: make(map[string]*turn), polled: -1,
		position: max(l.logs[p].from, l.logs[p].committed),
	}
}

// generationOf finds the generation of a delivery by its context: there is one
// context for each.
func (a *account) generationOf(ctx context.Context, p place) *generation {
	if g := a.contexts[ctx]; g != nil {
		return g
	}
	g := a.generations[p]
	if g == nil || g.bound || ctx.Err() != nil { // of an earlier one that delivered nothing else
		return nil
	}
	g.bound = true
	a.contexts[ctx] = g
	return g
}

// polls notes that a member asks for records.
func (l *ledger) polls(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[who].polls++
}

// gets notes that a record was handed to the engine.
func (l *ledger) gets(who string, r *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.members[who]
	g := a.generations[placeOf(r)]
	if a.gone || g == nil || g.givenUp || r.Offset <= g.polled {
		return
	}
	if g.poll != a.polls && g.held > l.settings.queueLimit+queueSlack {
		l.breaks(bounds, "%s holds %d records of %v and polls more, the limit is %d",
			who, g.held, g.place, l.settings.queueLimit)
	}
	g.polled, g.poll = r.Offset, a.polls
	g.held++
}

// begins notes that a handler is called.
func (l *ledger) begins(who string, ctx context.Context, r *kgo.Record) *delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, p := l.members[who], placeOf(r)
	d := &delivery{account: a, offset: r.Offset, key: l.keyOf(r)}
	if a.gone {
		return d
	}
	l.writes("%s gets %v %d %q", who, p, r.Offset, d.key)
	g := a.generationOf(ctx, p)
	if g == nil || g.givenUp {
		// The engine may be between two steps when a partition is lost; but
		// then it has told the handler.
		if ctx.Err() == nil {
			l.breaks(oneOutcome, "%s gets record %d of %v, which it does not own", who, r.Offset, p)
		}
		return d
	}
	if before := g.deliveries[r.Offset]; before != nil {
		l.breaks(oneOutcome, "%s gets record %d of %v again in one generation: %v", who, r.Offset, p, before)
	}
	d.generation = g
	g.deliveries[r.Offset] = d
	l.takesTurn(who, d)
	g.running++
	if a.running++; a.running > l.settings.concurrency+len(l.logs) {
		l.breaks(bounds, "%s runs %d handlers", who, a.running)
	}
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
	if d.key == "" {
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
	case t.last >= d.offset:
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
	if g.running--; !g.givenUp {
		d.account.running--
	}
	if t := g.order[d.key]; t != nil && t.running == d {
		t.running = nil
	}
	if !settledCounts {
		g.held--
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
		panic(fmt.Sprintf("the simulation settles record %d of %v twice", d.offset, g.place))
	}
	l.writes("%s settles %v %d", d.account.name, g.place, d.offset)
	d.settled, d.at = true, time.Now()
	l.logs[g.place].outcomes[d.offset] = struct{}{}
	if settledCounts {
		g.held--
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
