//go:build synctests

package intake_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
)

func hash(parts ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, parts...)
	return h.Sum64()
}

// effort is what one delivery of a record takes.
type effort struct {
	work   time.Duration // the handler
	reply  time.Duration // after the handler, while its key is free: negative for none
	again  time.Duration // rests before it is tried again
	obeys  bool          // the handler ends without an outcome when its context does
	leaves bool          // so does the reply
}

// effortOf follows from the seed, the record and who serves it, so that it does
// not depend on what else happens.
func effortOf(seed uint64, drain time.Duration, who string, p place, offset int64, attempt int) effort {
	rng := rand.New(rand.NewPCG(seed, hash(who, p.topic, p.partition, offset, attempt)))
	e := effort{reply: -1, obeys: rng.IntN(4) > 0, leaves: rng.IntN(2) == 0}
	switch n := rng.IntN(100); {
	case n < 55:
	case n < 90:
		e.work = between(rng, 0, 30*time.Millisecond)
	case n < 98:
		e.work = between(rng, 30*time.Millisecond, 300*time.Millisecond)
	default:
		e.work = between(rng, drain/2, 2*drain)
	}
	if rng.IntN(10) == 0 {
		e.again = between(rng, 0, 300*time.Millisecond)
	}
	switch n := rng.IntN(100); {
	case n < 65:
	case n < 95:
		e.reply = between(rng, 0, 100*time.Millisecond)
	default:
		e.reply = between(rng, drain/2, 2*drain)
	}
	return e
}

// handler is what a member's records go through.
type worker struct {
	seed     uint64
	settings settings
	who      string
	ledger   *ledger
	replies  *sync.WaitGroup
}

func (h *worker) serve(ctx context.Context, item intake.Item) {
	e := effortOf(h.seed, h.settings.drain, h.who, placeOf(item.Record), item.Record.Offset, item.Attempt())
	var d *delivery
	if item.Failed() != nil {
		d = h.ledger.resumes(h.who, ctx, item)
	} else {
		d = h.ledger.begins(h.who, ctx, item)
	}
	defer h.ledger.returns(d)
	if !rest(ctx, e.work, e.obeys) || !h.rests(ctx, d, item, e.again) {
		item.Leave()
		return
	}
	if h.fails(ctx, d, item) {
		return
	}
	h.ledger.decides(d)
	h.reply(ctx, d, item, e)
}

// serveBatch handles records one after the other. What would be tried again fails, and
// what is behind it with its key.
func (h *worker) serveBatch(ctx context.Context, items []intake.Item) {
	failed := make(map[string]bool)
	for _, item := range items {
		key := h.ledger.keyOf(item.Record)
		if failed[key] {
			item.Fail(lane.Failure{})
			continue
		}
		d := h.ledger.begins(h.who, ctx, item)
		e := effortOf(h.seed, h.settings.drain, h.who, placeOf(item.Record), item.Record.Offset, item.Attempt())
		switch {
		case !rest(ctx, e.work, e.obeys):
			h.ledger.returns(d)
			item.Leave()
		case e.again > 0:
			failed[key] = key != ""
			h.ledger.fails(d)
			item.Fail(lane.Failure{})
		default:
			h.reply(ctx, d, item, e)
			h.ledger.returns(d)
		}
	}
}

// reply settles a record, now or when its reply has landed.
func (h *worker) reply(ctx context.Context, d *delivery, item intake.Item, e effort) {
	if e.reply < 0 {
		h.settle(d, item)
		return
	}
	h.replies.Go(func() {
		if rest(ctx, e.reply, e.leaves) {
			h.settle(d, item)
		} else {
			item.Leave()
		}
	})
}

// rests waits for another attempt.
func (h *worker) rests(ctx context.Context, d *delivery, item intake.Item, again time.Duration) bool {
	if again == 0 {
		return true
	}
	h.ledger.rests(d)
	err := item.Rest(ctx, again)
	h.ledger.wakes(d, err != nil)
	return err == nil
}

// settle writes the outcome down before the engine knows of it.
func (h *worker) settle(d *delivery, item intake.Item) {
	h.ledger.settles(d)
	item.Done()
}

// rest waits for d. It reports false when ctx has ended first and the one who
// waits heeds that.
func rest(ctx context.Context, d time.Duration, heeds bool) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	if !heeds {
		<-timer.C
		return true
	}
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
