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
