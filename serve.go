package siskin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// serve takes one record through its handlers to its outcome. The partition's
// lane calls it; ctx ends when the partition is lost or the drain is over, and
// then nothing that comes out counts any more.
func (s *Service) serve(ctx context.Context, item intake.Item) {
	bound := s.routes.Find(item.Record.Topic)
	w := work{s: s, ctx: ctx, item: item, began: time.Now()}
	if bound == nil {
		w.finish("none", "dropped", 0, nil)
		return
	}
	if bound.request == nil {
		w.event(bound.events)
		return
	}
	speaks := bound.request.options.dialect
	if req, ok := speaks.ReadRequest(item.Record); ok {
		w.request(bound.request, reply.Address{Dialect: speaks, Request: req})
		return
	}
	w.oneWay(bound.request)
}

// work is one record being served.
type work struct {
	s     *Service
	ctx   context.Context
	item  intake.Item
	began time.Time
}

// request runs the handler of a request and answers it. The record is done when
// the last reply is stored or never can be.
func (w work) request(b *binding, to reply.Address) {
	if err := w.answerable(to.Request); err != nil {
		w.replyLost(to, err)
		w.finish("request", "dropped", 0, err)
		return
	}
	left, expired := remaining(w.item.Record, to.Request.Timeout, w.began)
	if expired {
		w.finish("request", "expired", 0, nil)
		return
	}
	ctx := w.ctx
	if left > 0 {
		to.Until = w.began.Add(left)
	}
	if left > 0 && b.kind == single { // a stream's caller says how long it waits for the first value only
		limited := lazyDeadline{Context: ctx, at: w.began.Add(left)}
		defer limited.cancel()
		ctx = &limited
	}
	var r result
	seq := reply.NewSequence(w.ctx, w.s.replies, to, holdFor(b.kind), func(err error) { w.replied(to, r, err) })
	r = w.attempts(ctx, b, outcome.Request, func(v any) error {
		value, err := w.s.cfg.Codec.Encode(v)
		if err != nil {
			return err
		}
		return seq.Send(value)
	})
	switch {
	case r.abandoned: // seq is never closed, so the record is never done
	case r.step == outcome.Done:
		seq.End()
	case r.step == outcome.Drop:
		seq.Cancel()
	default:
		seq.Fail(fault(r.err))
	}
}

// replied is called when the last reply has landed.
func (w work) replied(to reply.Address, r result, lost error) {
	switch {
	case lost != nil:
		w.replyLost(to, lost)
		w.finish("request", "dropped", r.attempts, errors.Join(r.err, lost))
	case r.step == outcome.Drop:
		w.finish("request", "dropped", r.attempts, r.err)
	default:
		w.finish("request", "replied", r.attempts, r.err)
	}
}

// holdFor is how long a value waits for the mark of the end to ride on it. A
// single reply is followed by its end at once. A stream's value must not wait
// for the next one, which may be far off.
func holdFor(kind handlerKind) time.Duration {
	if kind == stream {
		return 5 * time.Millisecond
	}
	return 0
}

// answerable says why no reply could be sent. Such a request is not run: its
// caller would never know.
func (w work) answerable(req dialect.Request) error {
	if req.Problem != "" {
		return errors.New(req.Problem)
	}
	return w.s.allowed.Check(req.ReplyTopic)
}

func (w work) replyLost(to reply.Address, err error) {
	w.s.emit(events.ReplyLost{
		Position: w.position(), ReplyTopic: to.Request.ReplyTopic, ReplyPartition: to.Request.ReplyPartition, Err: err,
	})
}

// clockSkew is how far the clocks of a caller and its service may differ before
// a request is dropped too soon.
const clockSkew = 5 * time.Second

// remaining is how long the caller of rec still waits, or zero when it did not
// say, and whether it has certainly given up.
func remaining(rec *kgo.Record, timeout time.Duration, now time.Time) (left time.Duration, expired bool) {
	if timeout <= 0 {
		return 0, false
	}
	age := max(0, now.Sub(rec.Timestamp)-clockSkew)
	return max(timeout-age, time.Millisecond), age > timeout
}

// oneWay runs a request handler for a record that asks for no reply. Like a
// request it is tried once; its values are discarded.
func (w work) oneWay(b *binding) {
	r := w.attempts(w.ctx, b, outcome.Request, discard)
	if !r.abandoned {
		w.finish("event", r.how(), r.attempts, r.err)
	}
}

func discard(any) error { return nil }

// event runs each handler of an event. The record is done when all of them are.
func (w work) event(handlers []*binding) {
	all := result{}
	for _, b := range handlers {
		r := w.attempts(w.ctx, b, outcome.Event, discard)
		if r.abandoned {
			return
		}
		all = all.with(r)
	}
	w.finish("event", all.how(), all.attempts, all.err)
}

// result is how a handler ended. With abandoned, the partition was given up
// while it ran: nothing was concluded and the record will be delivered again.
type result struct {
	attempts  int
	step      outcome.Step
	err       error
	abandoned bool
}

// with joins the results of two handlers of one event: the worse one names it.
func (r result) with(other result) result {
	return result{
		attempts: r.attempts + other.attempts,
		step:     worse(r.step, other.step),
		err:      errors.Join(r.err, other.err),
	}
}

func worse(a, b outcome.Step) outcome.Step {
	if a == outcome.DeadLetter || b == outcome.Done {
		return a
	}
	return b
}

func (r result) how() string {
	switch r.step {
	case outcome.DeadLetter:
		return "dead-lettered"
	case outcome.Drop:
		return "dropped"
	}
	return "done"
}

// attempts runs one handler until its outcome is final.
func (w work) attempts(ctx context.Context, b *binding, kind outcome.Kind, replyTo func(any) error) result {
	for n := 1; ; n++ {
		err := w.attempt(ctx, b, kind, n, replyTo)
		if w.ctx.Err() != nil {
			return result{abandoned: true}
		}
		action := outcome.Decide(kind, n, verdict(err), w.s.policy)
		w.note(err, n, action.Step)
		if action.Step == outcome.Retry {
			if w.pause(ctx, action.Delay) {
				continue
			}
			action.Step = outcome.Fault // the caller's time is over
		}
		gone := w.ctx.Err() != nil || action.Step == outcome.DeadLetter && !w.deadLetter(err)
		return result{attempts: n, step: action.Step, err: err, abandoned: gone}
	}
}

// attempt runs the chain once, with the delivery in its context.
func (w work) attempt(ctx context.Context, b *binding, kind outcome.Kind, n int, replyTo func(any) error) error {
	if b.options.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.options.timeout)
		defer cancel()
	}
	d := &Delivery{record: w.item.Record, attempt: n, request: kind == outcome.Request, codec: w.s.cfg.Codec}
	err := contain(&deliveryContext{Context: ctx, delivery: d}, b.handler, d, replyTo)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && !authored(err) {
		return Errorf(CodeTimeout, "the handler took too long").WithCause(err)
	}
	return err
}

// panicError is a panic of a handler, contained.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// contain runs the chain and turns a panic into an error, so that one record
// cannot end the process.
func contain(ctx context.Context, h Handler, d *Delivery, reply func(any) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return h(ctx, d, reply)
}

// pause waits before the next attempt. It reports false when ctx ended first.
func (w work) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deadLetter stores the record and reports whether it is stored.
func (w work) deadLetter(cause error) bool {
	rec := w.item.Record
	return w.s.letters.Publish(w.ctx, rec, cause, func(err error) {
		w.s.emit(events.PublishFailed{Position: w.position(), To: deadletter.Topic(rec.Topic), Err: err})
	}) == nil
}

// note tells about an error that its author did not make for the caller.
func (w work) note(err error, attempt int, next outcome.Step) {
	if err == nil || authored(err) && next == outcome.Fault || next == outcome.Drop {
		return
	}
	e := events.HandlerFailed{Position: w.position(), Attempt: attempt, Err: err, Next: next.String()}
	if p, ok := errors.AsType[*panicError](err); ok {
		e.Stack = string(p.stack)
	}
	if cause := errors.Unwrap(err); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
		e.Err = fmt.Errorf("%w (cause: %w)", err, cause)
	}
	w.s.emit(e)
}

func (w work) finish(kind, how string, attempts int, err error) {
	if w.s.verbose || how != "replied" && how != "done" {
		w.s.emit(events.Handled{
			Position: w.position(), Kind: kind, Outcome: how, Attempts: attempts, Took: time.Since(w.began), Err: err,
		})
	}
	w.item.Done()
}

func (w work) position() events.Position {
	r := w.item.Record
	return events.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

// traced are the headers of a delivery that go on to the calls made inside its
// handler.
func traced(ctx context.Context, headers []Header) []Header {
	d, ok := DeliveryFrom(ctx)
	if !ok {
		return headers
	}
	for _, name := range []string{wire.TraceParent, wire.TraceState} {
		if value, ok := d.Header(name); ok && !wire.Has(headers, name) {
			headers = append(headers, Header{Key: name, Value: value})
		}
	}
	return headers
}
