package serving

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/deadline"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/security"
)

// request is a request being served: what it needs is one allocation.
type request struct {
	work
	limited deadline.Lazy
	seq     reply.Sequence
	r       result
	cut     atomic.Bool // r is not to be looked at
}

// Two of dialect.Codes.
const (
	unavailable   = "unavailable"
	unimplemented = "unimplemented"
)

// unserved ends a record of a topic without a handler, which only Config.Kafka can
// make the service read. A caller is told, as NestJS does.
func (q *request) unserved() {
	to := reply.Address{Dialect: q.s.Dialect}
	var asks bool
	if to.Request, asks = to.Dialect.ReadRequest(q.item.Record); !asks || q.answerable(to.Request) != nil {
		q.finish("none", "dropped", 0, nil)
		return
	}
	q.seq.Init(q.ctx, q.s.Replies, to, 0, func(lost error) { q.finish("none", "dropped", 0, lost) })
	q.seq.Fail(&dialect.Fault{Code: unimplemented, NoHandler: true})
}

// answer runs the handler of a request and answers it. The record is done when
// the last reply is stored or never can be.
func (q *request) answer(h *Handler, to reply.Address) {
	if err := q.answerable(to.Request); err != nil {
		q.replyLost(to, err)
		q.unanswered(to, err)
		return
	}
	left, expired := deadline.Remaining(q.item.Record.Timestamp, to.Request.Timeout, q.item.Began)
	if expired {
		q.finish("request", "expired", 0, nil)
		return
	}
	ctx := q.ctx
	q.waits = true
	if left > 0 {
		to.Until = q.item.Began.Add(left)
	}
	if left > 0 && h.Kind == Single { // a stream's caller says how long it waits for the first value only
		q.limited.Init(ctx, to.Until)
		defer q.limited.Cancel()
		ctx = &q.limited
	}
	q.seq.Init(q.ctx, q.s.Replies, to, holdFor(h.Kind), q.replied)
	if h.Kind == Stream {
		defer context.AfterFunc(q.ctx, func() {
			q.cut.Store(true)
			q.cutOff()
		})()
	}
	if q.run(ctx, h, to.Until) {
		q.end(h)
	}
}

// run runs the handler and reports whether that was all: false when the record waits
// for another attempt in its retry topic.
func (q *request) run(ctx context.Context, h *Handler, until time.Time) (ended bool) {
	for n := q.item.Attempt(); ; n++ {
		q.r = q.attempts(ctx, h, outcome.Request, n, q.send)
		if q.r.step != outcome.Retry || q.r.abandoned {
			return true
		}
		if !until.IsZero() && time.Now().Add(q.r.delay).After(until) {
			q.r.step = outcome.Fault // nobody would wait for the answer
			return true
		}
		q.r = q.later(ctx, q.r, nil)
		if q.r.stored {
			q.seq.Abandon()
			return false
		}
		if q.r.step != outcome.Retry || q.r.abandoned {
			return true
		}
	}
}

// holdFor is how long a value waits for the mark of the end to ride on it. A
// single reply is followed by its end at once. A stream's value must not wait
// for the next one, which may be far off.
func holdFor(kind Kind) time.Duration {
	if kind == Stream {
		return 5 * time.Millisecond
	}
	return 0
}

// end tells the caller how the handler has ended.
func (q *request) end(h *Handler) {
	switch {
	case q.r.abandoned:
		if h.Kind == Stream {
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
		q.seq.Fail(q.s.Errors.Fault(q.r.err))
	}
}

// unanswered ends a request that is not run. One whose headers cannot be read is kept,
// where that is possible.
func (q *request) unanswered(to reply.Address, err error) {
	how := "dropped"
	if to.Request.Problem != "" {
		switch stored := q.s.Letters.Offer(q.ctx, q.item.Record, err, q.s.unpublished(q.position())); {
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
	m, err := q.s.Encode(v)
	if err != nil {
		return err
	}
	return q.seq.SendMessage(m)
}

// cutOff ends a stream whose handler has no more time. Its caller is told, unless
// the partition is lost: then another member starts the stream anew.
func (q *request) cutOff() {
	if errors.Is(context.Cause(q.ctx), intake.ErrDrained) {
		q.seq.Fail(&dialect.Fault{Code: unavailable, Message: "the service stops; call again"})
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

// answerable says why no reply could be sent. Such a request is not run: its
// caller would never know.
func (q *request) answerable(req dialect.Request) error {
	if req.Problem != "" {
		return errors.New(req.Problem)
	}
	return q.s.Allowed.Check(req.ReplyTopic)
}

func (q *request) replyLost(to reply.Address, err error) {
	q.s.Emit(events.ReplyLost{
		Position: q.position(), ReplyTopic: to.Request.ReplyTopic, ReplyPartition: to.Request.ReplyPartition,
		Err: security.OnTopic(security.Write, to.Request.ReplyTopic, err),
	})
}
