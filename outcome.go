package siskin

import (
	"errors"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
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

// verdict tells the pure decision what it cannot see by itself.
func verdict(err error) outcome.Verdict {
	_, undecodable := errors.AsType[*DecodeError](err)
	e, ok := errors.AsType[*Error](err)
	return outcome.Verdict{Err: err, Permanent: undecodable || ok && !e.Remote && e.Code == CodeInvalid}
}
