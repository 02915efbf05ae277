package gateway

import (
	"errors"
	"log/slog"
	"net/http"
)

// Error answers with err as the handlers of this package do, for handlers that
// are written by hand: a *siskin.Error with its code and message, a failed call
// with its status, anything else as a 500 without text, which is logged to
// slog.Default(). When the caller has left, nothing is written and the handler
// ends with the panic http.ErrAbortHandler, as net/http wants it.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	newExchange(newSettings(nil), w, r).fail(err)
}

// fail answers with err, in the form of the stream when that has begun.
func (x *exchange) fail(err error) {
	_, refused := errors.AsType[*refusal](err) // told anyway: a late body ends the context too
	_, unwritten := errors.AsType[*writeError](err)
	if unwritten || x.gone() && !refused {
		x.abort()
		return
	}
	err = x.replaced(err)
	v := judge(err)
	if v.hidden {
		x.note(v, err)
	}
	if x.started {
		if x.part(x.form.fault+string(v.body())+x.form.after) != nil {
			x.abort()
		}
		return
	}
	if v.status == http.StatusServiceUnavailable {
		x.w.Header().Set("Retry-After", retryAfter)
	}
	_ = x.send(v.status, v.body()) // a caller that does not take it has no need for it
}

// retryAfter, in seconds, is about what a broker takes to hand its work over.
const retryAfter = "2"

func (x *exchange) replaced(err error) error {
	if _, ok := errors.AsType[*refusal](err); ok || x.set.errors == nil {
		return err
	}
	var other error
	if failed := contain(func() error { other = x.set.errors(err); return nil }); failed != nil {
		return failed
	}
	if other == nil {
		return err
	}
	return other
}

// note logs an error that the caller does not see.
func (x *exchange) note(v verdict, err error) {
	level := slog.LevelWarn
	attrs := []any{
		slog.String("method", x.r.Method), slog.String("path", x.r.URL.Path),
		slog.Int("status", v.status), slog.Any("error", err),
	}
	if v.status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	x.set.log().Log(x.r.Context(), level, "a request through the gateway failed", attrs...)
}
