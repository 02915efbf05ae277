// Package outcome decides what becomes of a record when its handler has
// returned. The decision is a pure function, so that each row of its table can
// be tested.
package outcome

import (
	"context"
	"errors"
	"time"
)

// Kind is what a record is to the service.
type Kind uint8

// A record is a request when it asks for a reply and its handler gives one.
// Everything else is an event.
const (
	Event Kind = iota
	Request
)

func (k Kind) String() string {
	if k == Request {
		return "request"
	}
	return "event"
}

// Step is what the service does next with a record.
type Step uint8

// The steps. Only Retry is not final.
const (
	Done       Step = iota // nothing more to do
	Fault                  // answer with the error, then done
	Retry                  // run the handler again after Delay
	DeadLetter             // store a dead letter, answer a request with the error, then done
	Drop                   // count it, then done; a caller gets no answer
)

func (s Step) String() string {
	return [...]string{"done", "reply", "retry", "dead-letter", "drop"}[s]
}

// Policy is how often and how fast a record is tried again.
type Policy struct {
	// Attempts is how often the handler runs at most. At least 1.
	Attempts int
	// Delay is how long to wait before the given attempt (2, 3, …).
	Delay func(attempt int) time.Duration
	// Requests are tried again too, and their callers wait. Otherwise only where an
	// error asks for it.
	Requests bool
	// Permanent reports errors that another attempt cannot help with, beside those of
	// the Verdict. May be nil. A panic in it is taken for false.
	Permanent func(error) bool
}

// givesUp reports whether no attempt follows after v.
func (p Policy) givesUp(v Verdict, attempt int) bool {
	return v.Permanent || attempt >= p.Attempts || p.permanent(v.Err)
}

func (p Policy) permanent(err error) (is bool) {
	if p.Permanent == nil {
		return false
	}
	_ = Contain(context.Background(), func(context.Context) error {
		is = p.Permanent(err)
		return nil
	})
	return is
}

// Verdict is what is known of the handler's error.
type Verdict struct {
	Err error
	// Permanent is true when another attempt cannot help: the record could
	// not be decoded or is not valid.
	Permanent bool
}

// Action is the decision.
type Action struct {
	Step  Step
	Delay time.Duration
}

// Decide says what to do with a record of the given kind whose handler has just
// returned from the given attempt, counted from 1.
func Decide(kind Kind, attempt int, v Verdict, policy Policy) Action {
	if v.Err == nil {
		return Action{Step: Done}
	}
	order, ordered := errors.AsType[*instruction](v.Err)
	switch {
	case ordered:
		return obey(order, kind, attempt, policy)
	case kind == Request && !policy.Requests:
		return Action{Step: Fault}
	case !policy.givesUp(v, attempt):
		return Action{Step: Retry, Delay: policy.Delay(attempt + 1)}
	case kind == Request:
		return Action{Step: Fault}
	}
	return Action{Step: DeadLetter}
}

func obey(order *instruction, kind Kind, attempt int, policy Policy) Action {
	switch {
	case order.step != Retry:
		return Action{Step: order.step}
	case attempt < policy.Attempts:
		return Action{Step: Retry, Delay: order.delay}
	case kind == Request:
		return Action{Step: Fault}
	}
	return Action{Step: DeadLetter}
}

// instruction is an error by which a handler's author says what happens next.
type instruction struct {
	step  Step
	delay time.Duration
	err   error
}

func (i *instruction) Error() string {
	if i.err == nil {
		return i.step.String()
	}
	return i.err.Error()
}

func (i *instruction) Unwrap() error { return i.err }

// DropError asks for Drop.
func DropError(err error) error { return &instruction{step: Drop, err: err} }

// DeadLetterError asks for DeadLetter.
func DeadLetterError(err error) error { return &instruction{step: DeadLetter, err: err} }

// RetryError asks for Retry after delay, within the policy's attempts.
func RetryError(delay time.Duration, err error) error {
	return &instruction{step: Retry, delay: max(0, delay), err: err}
}
