package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
)

// batch is records of one partition that are being served together.
type batch struct {
	s      *Server
	ctx    context.Context
	h      *Handler
	items  []intake.Item
	failed []error // by index, or nil for none
}

// ServeBatch runs the handler of a topic once for records of one partition. A record
// without an error is done. One with an error comes again, alone: what its error
// asks for is done then, so that its neighbours wait for nothing.
func (s *Server) ServeBatch(ctx context.Context, items []intake.Item) {
	h := s.Find(items[0].Record.Topic).Events[0]
	b := batch{s: s, ctx: ctx, h: h, items: items}
	if h.Manual {
		for _, item := range items {
			item.Manual()
		}
	}
	whole := s.contain(ctx, h, func(ctx context.Context) (err error) {
		b.failed, err = h.Batch(ctx, len(items), b.attempt)
		return err
	})
	if ctx.Err() != nil {
		for _, item := range items {
			item.Leave()
		}
		return
	}
	b.settle(whole)
}

func (b *batch) attempt(i int) Attempt {
	a := Attempt{Record: b.items[i].Record, Number: 1}
	if b.h.Manual {
		a.Item = &b.items[i]
	}
	return a
}

// settle ends the batch, whose handler has returned whole.
func (b *batch) settle(whole error) {
	if whole == nil && b.failed == nil && !b.h.Manual && !b.s.Verbose {
		intake.DoneTogether(b.items)
		return
	}
	shared, now := whole != nil && b.unnamed() > 1, time.Now()
	if shared {
		b.note(whole)
	}
	for i, item := range b.items {
		switch err := b.named(i); {
		case err != nil:
			item.Fail(lane.Failure{Err: err, At: now})
		case whole != nil:
			item.Fail(lane.Failure{Err: whole, At: now, Shared: shared})
		default:
			w := work{s: b.s, ctx: b.ctx, item: item, manual: b.h.Manual}
			w.settle(result{attempts: 1})
		}
	}
}

// named is a record's own error.
func (b *batch) named(i int) error {
	if b.failed == nil {
		return nil
	}
	return b.failed[i]
}

// unnamed is how many records have no error of their own.
func (b *batch) unnamed() int {
	n := 0
	for i := range b.items {
		if b.named(i) == nil {
			n++
		}
	}
	return n
}

// note tells about the error of the whole batch once, and not for each record.
func (b *batch) note(whole error) {
	next := outcome.Decide(outcome.Event, 1, b.s.verdict(ended{err: whole, shared: true}), b.h.Policy).Step
	if next == outcome.Drop {
		return
	}
	e := failed(position(b.items[0]), whole, 1, next)
	e.Err = fmt.Errorf("a batch of %d records: %w", len(b.items), e.Err)
	b.s.Emit(e)
}
