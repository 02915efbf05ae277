package serving

import (
	"context"
	"errors"
	"time"

	"github.com/siskin-go/siskin/internal/retry"
)

// later makes the record wait for its next attempt: in its retry topic, and then it is
// done here, or in place when that is not possible.
func (w *work) later(ctx context.Context, r result, handlers []int) result {
	r.delay = min(r.delay, retry.Longest)
	err := w.item.Later(retry.Note{
		Attempt: r.attempts + 1, Due: time.Now().Add(r.delay), Handlers: handlers, Cause: r.err,
	})
	switch {
	case err == nil:
		r.stored = true
		return r
	case errors.Is(err, retry.ErrInPlace):
		return w.rest(ctx, r)
	}
	r.abandoned = true
	return r
}
