package dedupe

import (
	"context"
	"errors"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/internal/outcome"
)

// Outcome is how a record has ended.
type Outcome struct {
	// Replies are what the handler sent, encoded, in their order.
	Replies []Reply
	// Fault is the error that ended a request, or nil. Its cause is not kept.
	Fault *siskin.Error
	// Cut says that the replies were too large to be kept. The caller of a
	// duplicate is told so, with siskin.CodeConflict.
	Cut bool
}

// Reply is one reply as it goes to the wire.
type Reply struct {
	// Value is nil for a reply without a value.
	Value []byte
	// Key and Headers are those that the handler set with a siskin.Message.
	Key     []byte
	Headers []siskin.Header
}

// size is about what a reply takes in memory.
func (r Reply) size() int {
	n := 96 + len(r.Value) + len(r.Key)
	for _, h := range r.Headers {
		n += 40 + len(h.Key) + len(h.Value)
	}
	return n
}

// message is what a handler would send to get the reply.
func (r Reply) message() any {
	if r.Key == nil && len(r.Headers) == 0 {
		return codec.Encoded(r.Value)
	}
	m := siskin.Message{Value: codec.Encoded(r.Value)}
	if r.Key != nil {
		m.Options = append(m.Options, siskin.WithKey(r.Key))
	}
	for _, h := range r.Headers {
		m.Options = append(m.Options, siskin.WithHeader(h.Key, string(h.Value)))
	}
	return m
}

func (o Outcome) size() int {
	n := 0
	for _, r := range o.Replies {
		n += r.size()
	}
	if o.Fault != nil {
		n += 96 + len(o.Fault.Message) + len(o.Fault.Details)
	}
	return n
}

// withoutReplies is what is left of an outcome whose replies cannot be kept. A
// record that has none of them loses nothing.
func (o Outcome) withoutReplies() Outcome { return Outcome{Cut: true} }

// replay gives a duplicate what the first one got.
func (o Outcome) replay(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
	if d.Request() {
		if o.Cut {
			return siskin.Errorf(siskin.CodeConflict, "the request was handled before, and its reply was too large to be kept")
		}
		for _, r := range o.Replies {
			if err := reply(r.message()); err != nil {
				return err
			}
		}
		if o.Fault != nil {
			return o.Fault
		}
	}
	// With ManualCommit nobody else would: the handler does not see the record.
	if err := d.Commit(ctx); err != nil && !errors.Is(err, siskin.ErrNotManual) {
		return err
	}
	return nil
}

// verdict returns the error of a handler that is an answer for good, or nil. What
// can be better next time is none, nor is what asks for another step than an
// answer.
func verdict(err error) *siskin.Error {
	e, ok := errors.AsType[*siskin.Error](err)
	if !ok || e.Remote {
		return nil
	}
	twice := outcome.Policy{Attempts: 2}
	if outcome.Decide(outcome.Request, 1, outcome.Verdict{Err: err}, twice).Step != outcome.Fault {
		return nil
	}
	switch e.Code {
	case siskin.CodeInvalid, siskin.CodeNotFound, siskin.CodeDenied, siskin.CodeConflict, siskin.CodeUnimplemented:
		return &siskin.Error{Code: e.Code, Message: e.Message, Details: e.Details}
	}
	return nil
}
