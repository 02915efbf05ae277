package siskin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/deadline"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
)

// serve takes one record through its handlers to its outcome. The partition's
// lane calls it; ctx ends with ErrPartitionLost, and then nothing that comes out
// counts any more, or with ErrDrained, and then a last answer still does.
func (s *Service) serve(ctx context.Context, item intake.Item) {
	bound := s.routes.Find(item.Record.Topic)
	w := work{s: s, ctx: ctx, item: item, began: time.Now()}
	if bound == nil {
		(&request{work: w}).unserved()
		return
	}
	if w.manual = bound.manual; w.manual {
		item.Manual()
	}
	if bound.request == nil {
		w.event(bound.events)
		return
	}
	speaks := bound.request.options.dialect
	if req, ok := speaks.ReadRequest(item.Record); ok {
		(&request{work: w}).answer(bound.request, reply.Address{Dialect: speaks, Request: req})
		return
	}
	w.oneWay(bound.request)
}

// unserved ends a record of a topic without a handler, which only Config.Kafka can
// make the service read. A caller is told, as NestJS does.
func (q *request) unserved() {
	to := reply.Address{Dialect: q.s.cfg.Dialect}
	var asks bool
	if to.Request, asks = to.Dialect.ReadRequest(q.item.Record); !asks || q.answerable(to.Request) != nil {
		q.finish("none", "dropped", 0, nil)
		return
	}
	q.seq.Init(q.ctx, q.s.replies, to, 0, func(lost error) { q.finish("none", "dropped", 0, lost) })
	q.seq.Fail(&dialect.Fault{Code: string(CodeUnimplemented), NoHandler: true})
}

// work is one record being served.
type work struct {
	s      *Service
	ctx    context.Context
	item   intake.Item
	began  time.Time
	manual bool // done when its author says so
	waits  bool // a caller waits for a reply
}

// request is a request being served: what it needs is one allocation.
type request struct {
	work
	limited deadline.Lazy
	seq     reply.Sequence
	r       result
	cut     atomic.Bool // r is not to be looked at
}

// answer runs the handler of a request and answers it. The record is done when
// the last reply is stored or never can be.
func (q *request) answer(b *binding, to reply.Address) {
	if err := q.answerable(to.Request); err != nil {
		q.replyLost(to, err)
		q.unanswered(to, err)
		return
	}
	left, expired := deadline.Remaining(q.item.Record.Timestamp, to.Request.Timeout, q.began)
	if expired {
		q.finish("request", "expired", 0, nil)
		return
	}
	ctx := q.ctx
	q.waits = true
	if left > 0 {
		to.Until = q.began.Add(left)
	}
	if left > 0 && b.kind == single { // a stream's caller says how long it waits for the first value only
		q.limited.Init(ctx, to.Until)
		defer q.limited.Cancel()
		ctx = &q.limited
	}
	q.seq.Init(q.ctx, q.s.replies, to, holdFor(b.kind), q.replied)
	if b.kind == stream {
		defer context.AfterFunc(q.ctx, func() {
			q.cut.Store(true)
			q.cutOff()
		})()
	}
	q.r = q.attempts(ctx, b, outcome.Request, q.send)
	switch {
	case q.r.abandoned:
		if b.kind == stream {
			q.cutOff()
		}
		if q.seq.Abandon() {
			q.item.Leave()
		}
	case q.r.step == outcome.Done:
		q.seq.End()
	case q.r.step == outcome.Drop:
		q.seq.Cancel()
	default:
		q.seq.Fail(fault(q.r.err))
	}
}

// unanswered ends a request that is not run. One whose headers cannot be read is kept,
// where that is possible.
func (q *request) unanswered(to reply.Address, err error) {
	how := "dropped"
	if to.Request.Problem != "" {
		switch stored := q.s.letters.Offer(q.ctx, q.item.Record, err, q.s.unpublished(q.position())); {
		case stored == nil:
			how = "dead-lettered"
		case errors.Is(stored, deadletter.ErrRefused):
			err = errors.Join(err, stored)
		default:
			q.item.Leave()
			return
		}
	}
	q.finish("request", how, 0, err)
}

func (q *request) send(v any) error {
	var m reply.Message
	if with, ok := v.(Message); ok {
		v = with.Value
		m.Key, m.Headers = with.Beside()
	}
	var err error
	if m.Value, err = codec.Encode(q.s.cfg.Codec, v); err != nil {
		return err
	}
	return q.seq.SendMessage(m)
}

// cutOff ends a stream whose handler has no more time. Its caller is told, unless
// the partition is lost: then another member starts the stream anew.
func (q *request) cutOff() {
	if errors.Is(context.Cause(q.ctx), intake.ErrDrained) {
		q.seq.Fail(&dialect.Fault{Code: string(CodeUnavailable), Message: "the service stops; call again"})
	}
}

// replied is called when the last reply has landed.
func (q *request) replied(lost error) {
	r := result{step: outcome.Fault, err: intake.ErrDrained}
	if !q.cut.Load() {
		r = q.r
	}
	switch {
	case lost != nil:
		q.replyLost(q.seq.To(), lost)
		q.conclude("request", "dropped", r, errors.Join(r.err, lost))
	case r.step == outcome.Drop:
		q.conclude("request", "dropped", r, r.err)
	default:
		q.conclude("request", "replied", r, r.err)
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
		Position: w.position(), ReplyTopic: to.Request.ReplyTopic, ReplyPartition: to.Request.ReplyPartition,
		Err: security.OnTopic(security.Write, to.Request.ReplyTopic, err),
	})
}

// oneWay runs a request handler for a record that asks for no reply. Like a
// request it is tried once; its values are discarded.
func (w work) oneWay(b *binding) {
	w.settle(w.attempts(w.ctx, b, outcome.Request, discard))
}

func discard(any) error { return nil }

// event runs each handler of an event. The record is done when all of them are.
func (w work) event(handlers []*binding) {
	all := result{}
	for _, b := range handlers {
		r := w.attempts(w.ctx, b, outcome.Event, discard)
		if r.abandoned {
			all = r
			break
		}
		all = all.with(r)
	}
	w.settle(all)
}

// settle ends a record that has no caller.
func (w work) settle(r result) {
	if r.abandoned {
		w.item.Leave()
		return
	}
	w.conclude("event", r.how(), r, r.err)
}

// result is how a handler ended. With abandoned, the partition was given up
// while it ran: nothing was concluded and the record will be delivered again.
type result struct {
	attempts  int
	err       error
	step      outcome.Step
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
		err := w.attempt(ctx, b, n, replyTo)
		if w.ctx.Err() != nil {
			return result{abandoned: true}
		}
		action := outcome.Decide(kind, n, verdict(err), w.s.policy)
		w.note(err, n, action.Step)
		if action.Step == outcome.Retry {
			rested := w.item.Rest(ctx, action.Delay)
			if rested == nil {
				continue
			}
			if errors.Is(rested, lane.ErrStopped) {
				return result{abandoned: true}
			}
			action.Step = outcome.Fault // the caller's time is over
		}
		gone := w.ctx.Err() != nil || action.Step == outcome.DeadLetter && !w.deadLetter(err)
		return result{attempts: n, step: action.Step, err: err, abandoned: gone}
	}
}

// attempt runs the chain once, with the delivery in its context.
func (w work) attempt(ctx context.Context, b *binding, n int, replyTo func(any) error) error {
	if b.options.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.options.timeout)
		defer cancel()
	}
	c := &deliveryContext{Context: ctx, delivery: Delivery{
		record: w.item.Record, attempt: n, request: w.waits, codec: w.s.cfg.Codec,
	}}
	if b.options.manual {
		item := w.item // only here, so that w need not escape
		c.delivery.item = &item
	}
	err := outcome.Contain(func() error { return b.handler(c, &c.delivery, replyTo) })
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && !authored(err) {
		return Errorf(CodeTimeout, "the handler took too long").WithCause(err)
	}
	return err
}

// deadLetter stores the record and reports whether it is stored.
func (w work) deadLetter(cause error) bool {
	return w.s.letters.Publish(w.ctx, w.item.Record, cause, w.s.unpublished(w.position())) == nil
}

// keep stores a batch that cannot be read. Nobody has promised dead letters for the
// topics of requests: theirs hold up nothing where they cannot be stored.
func (s *Service) keep(ctx context.Context, topic string, partition int32, b *fetch.Batch) bool {
	bound := s.routes.Find(topic)
	optional := bound == nil || len(bound.events) == 0
	at := events.Position{Topic: topic, Partition: partition, Offset: b.First}
	return s.letters.PublishBatch(ctx, topic, partition, b, optional, s.unpublished(at))
}

func (s *Service) unpublished(at events.Position) func(error) {
	return func(err error) {
		s.emit(events.PublishFailed{Position: at, To: deadletter.Topic(at.Topic), Err: err})
	}
}

// note tells about an error that its author did not make for the caller.
func (w work) note(err error, attempt int, next outcome.Step) {
	if err == nil || authored(err) && next == outcome.Fault || next == outcome.Drop {
		return
	}
	e := events.HandlerFailed{Position: w.position(), Attempt: attempt, Err: err, Next: next.String()}
	if p, ok := errors.AsType[*outcome.Panic](err); ok {
		e.Stack = string(p.Stack)
	}
	if cause := errors.Unwrap(err); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
		e.Err = fmt.Errorf("%w (cause: %w)", err, cause)
	}
	w.s.emit(e)
}

// conclude ends a record whose handlers have run. One with ManualCommit that went
// well stays open until its commit.
func (w work) conclude(kind, how string, r result, err error) {
	if w.manual && r.step == outcome.Done {
		w.tell(kind, how, r.attempts, err)
		w.item.Leave()
		return
	}
	w.finish(kind, how, r.attempts, err)
}

func (w work) finish(kind, how string, attempts int, err error) {
	w.tell(kind, how, attempts, err)
	w.item.Done()
}

func (w work) tell(kind, how string, attempts int, err error) {
	if w.s.verbose || how != "replied" && how != "done" {
		w.s.emit(events.Handled{
			Position: w.position(), Kind: kind, Outcome: how, Attempts: attempts, Took: time.Since(w.began), Err: err,
		})
	}
}

func (w work) position() events.Position {
	r := w.item.Record
	return events.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

// traced adds the trace of a delivery to the headers of a call made inside its
// handler.
func traced(ctx context.Context, headers []Header) []Header {
	if d, ok := DeliveryFrom(ctx); ok {
		return wire.AddTrace(headers, d.record.Headers)
	}
	return headers
}
