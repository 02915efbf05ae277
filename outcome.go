package siskin

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/internal/route"
	"github.com/siskin-go/siskin/internal/serving"
	"github.com/siskin-go/siskin/internal/wire"
)

// Drop wraps err, which may be nil, to say that the record needs no further
// work: it is counted and done. The caller of a request gets no answer.
func Drop(err error) error { return outcome.DropError(err) }

// RetryAfter wraps err, which may be nil, to say that the record should be tried
// again after delay, up to Config.RetryAttempts attempts in all; a negative
// delay means at once. After the last attempt an event becomes a dead letter
// and a request is answered with err.
func RetryAfter(delay time.Duration, err error) error { return outcome.RetryError(delay, err) }

// DeadLetter wraps err, which may be nil, to say that no attempt can succeed:
// the record is stored in its dead-letter topic at once. The caller of a
// request is answered with err.
func DeadLetter(err error) error { return outcome.DeadLetterError(err) }

// FailAt says that the record with this index in a batch has failed with err; see
// OnBatch. The index is that of the value in the handler's slice. To say what happens
// next, wrap err, not the result, in RetryAfter, Drop or DeadLetter. Several are
// joined with errors.Join. Without an err it is nil, so that it can stand around a
// call:
//
//	for i, v := range values {
//		errs = append(errs, siskin.FailAt(i, store(v)))
//	}
//	return errors.Join(errs...)
//
// An index that is not in the batch fails all of it. In a handler for single records
// it changes nothing.
func FailAt(index int, err error) error {
	if err == nil {
		return nil
	}
	return outcome.AtError(index, err)
}

// verdict tells the pure decision what it cannot see by itself.
func verdict(err error) outcome.Verdict {
	_, undecodable := errors.AsType[*DecodeError](err)
	e, ok := errors.AsType[*Error](err)
	return outcome.Verdict{Err: err, Permanent: undecodable || ok && !e.Remote && e.Code == CodeInvalid}
}

// Retry says how records wait in a retry topic. The zero value takes everything from
// Config. The page docs/retries.md has the whole.
type Retry struct {
	// Attempts is how often the handler runs for one record, the first time
	// included, over restarts of the service too. 1 to 1,000. Default:
	// Config.RetryAttempts.
	Attempts int
	// Initial is the delay before the second attempt; it doubles before each further
	// one, up to Longest, with a jitter of a fifth. 1 ms to 24 hours. Defaults:
	// Config.RetryInitial and Config.RetryLongest.
	Initial, Longest time.Duration
	// KeepOrder makes the later records of a key wait until one that is retried has
	// its outcome; they wait in the retry topic too, and records of other keys flow.
	// Without it they overtake it.
	KeepOrder bool
	// Permanent reports errors that no other attempt can help with, beside those that
	// DeadLetter and Drop wrap. May be called from several goroutines. Default: none.
	Permanent func(error) bool
	// Spring names the retry topic as Spring Kafka does for one fixed delay,
	// <topic>-retry and not <topic>-<group>-retry, so that a service can take over
	// from one with @RetryableTopic, and back. Not with KeepOrder.
	Spring bool
}

// RetryTopic makes the records with which a handler fails wait for their next attempt
// in a retry topic, and not in place: meanwhile their offsets are committed, and the
// records behind them flow. Also a request is then tried again, and its caller is
// answered when an attempt succeeds, or with the last error; one whose deadline would
// come before the next attempt is answered at once.
//
// It needs a topic, and the rights to read and write it; see Config.Topics. It goes
// with neither Ordered, ManualCommit nor a stream.
func RetryTopic(r Retry) HandlerOption {
	return handlerOption{
		text:  fmt.Sprintf("retry-topic(order=%v)", r.KeepOrder),
		apply: func(o *handlerOptions) { o.retry = &r },
	}
}

// policy is how often and how fast a record of a handler is tried again.
func (c Config) policy(r *Retry) outcome.Policy {
	if r == nil {
		return outcome.Exponential(c.RetryAttempts, c.RetryInitial, c.RetryLongest)
	}
	p := outcome.Exponential(cmp.Or(r.Attempts, c.RetryAttempts),
		cmp.Or(r.Initial, c.RetryInitial), cmp.Or(r.Longest, c.RetryLongest))
	p.Requests, p.Permanent = true, r.Permanent
	return p
}

// check says which numbers are wrong, and whether there can be a retry topic.
func (r *Retry) check(topic, group string) error {
	outside := func(d time.Duration) bool { return d != 0 && (d < time.Millisecond || d > retry.Longest) }
	switch {
	case r.Attempts < 0 || r.Attempts > 1_000:
		return fmt.Errorf("Retry.Attempts is %d; want 1 to 1000, or 0 for Config.RetryAttempts", r.Attempts)
	case outside(r.Initial) || outside(r.Longest):
		return fmt.Errorf("Retry.Initial is %v and Longest %v; want 1ms to %v, or 0 for the settings of Config",
			r.Initial, r.Longest, retry.Longest)
	}
	if _, ok := route.Expression(topic); ok {
		return nil
	}
	return wire.CheckTopic(wire.RetryTopicName(topic, group, r.Spring))
}

// kind is what the retry topic of r is like, or nil for none.
func (r *Retry) kind() *serving.RetryTopic {
	if r == nil {
		return nil
	}
	return &serving.RetryTopic{KeepOrder: r.KeepOrder, Spring: r.Spring}
}
