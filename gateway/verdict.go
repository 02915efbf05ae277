package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/siskin-go/siskin"
)

// refusal is a request that never becomes a call.
type refusal struct {
	status  int
	message string
}

func (e *refusal) Error() string { return e.message }

// unshowable is a reply that is not JSON.
type unshowable struct{ error }

func (e *unshowable) Unwrap() error { return e.error }

// verdict is what the caller is told.
type verdict struct {
	status  int
	code    siskin.Code
	message string
	details json.RawMessage
	// hidden means that the log must have what the caller does not see.
	hidden bool
}

func (v verdict) body() []byte {
	type fault struct {
		Code    siskin.Code     `json:"code"`
		Message string          `json:"message"`
		Details json.RawMessage `json:"details,omitempty"`
	}
	f := fault{v.code, v.message, v.details}
	if !json.Valid(f.Details) {
		f.Details = nil
	}
	b, _ := encode(map[string]fault{"error": f}) // strings and valid JSON: it cannot fail
	return b
}

// judge decides what the caller is told. Only texts that were made for a caller
// are shown.
func judge(err error) verdict {
	if r, ok := errors.AsType[*refusal](err); ok {
		return verdict{status: r.status, code: refusalCode(r.status), message: r.message}
	}
	if tooLarge(err) {
		return verdict{
			status: http.StatusRequestEntityTooLarge, code: siskin.CodeInvalid,
			message: "the request is larger than the broker accepts",
		}
	}
	if e, ok := errors.AsType[*siskin.Error](err); ok && !ownMistake(err, e) {
		return judgeError(e)
	}
	return judgeFailure(err)
}

func refusalCode(status int) siskin.Code {
	switch status {
	case http.StatusNotFound:
		return siskin.CodeNotFound
	case http.StatusRequestTimeout:
		return siskin.CodeTimeout
	}
	return siskin.CodeInvalid
}

func tooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

// ownMistake reports whether e is what a call said about itself, such as a
// request that cannot be encoded, and not a verdict of the service.
func ownMistake(err error, e *siskin.Error) bool {
	call, ok := errors.AsType[*siskin.CallError](err)
	if !ok || e.Remote {
		return false
	}
	inner, _ := errors.AsType[*siskin.Error](call.Err)
	return inner == e
}

var statuses = map[siskin.Code]int{
	siskin.CodeInvalid:       http.StatusBadRequest,
	siskin.CodeNotFound:      http.StatusNotFound,
	siskin.CodeDenied:        http.StatusForbidden,
	siskin.CodeConflict:      http.StatusConflict,
	siskin.CodeUnavailable:   http.StatusServiceUnavailable,
	siskin.CodeTimeout:       http.StatusGatewayTimeout,
	siskin.CodeUnimplemented: http.StatusNotImplemented,
}

// judgeError judges an error that was made for a caller. Codes that tell a
// caller nothing keep their text back, which may be a foreign program's.
func judgeError(e *siskin.Error) verdict {
	if status, ok := statuses[e.Code]; ok {
		return verdict{
			status: status, code: e.Code, details: e.Details,
			message: cmp.Or(e.Message, strings.ToLower(http.StatusText(status))),
		}
	}
	v := verdict{status: http.StatusBadGateway, code: siskin.CodeInternal, message: failedService, hidden: true}
	switch {
	case !e.Remote:
		v.status, v.message = http.StatusInternalServerError, failedHere
	case e.Code == siskin.CodeUnknown:
		v.code = siskin.CodeUnknown
	}
	return v
}

const (
	failedService = "the service failed"
	failedHere    = "internal error"
)

// judgeFailure judges an error that nobody made for a caller.
func judgeFailure(err error) verdict {
	unavailable := func(message string) verdict {
		return verdict{status: http.StatusServiceUnavailable, code: siskin.CodeUnavailable, message: message}
	}
	late := func(message string) verdict {
		return verdict{status: http.StatusGatewayTimeout, code: siskin.CodeTimeout, message: message}
	}
	switch {
	case errors.Is(err, siskin.ErrNoReply):
		return late("no reply in time")
	case errors.Is(err, siskin.ErrStreamIdle):
		return late("the stream was silent for too long")
	case errors.Is(err, siskin.ErrSlowReader):
		return late("the stream was read too slowly")
	case errors.Is(err, siskin.ErrUnavailable):
		return unavailable("the broker did not answer in time")
	case errors.Is(err, siskin.ErrOverloaded):
		return unavailable("too many calls are waiting")
	case errors.Is(err, siskin.ErrClosed):
		return unavailable("this server is stopping")
	case errors.Is(err, siskin.ErrRouteLost):
		return unavailable("the way back for the reply is gone")
	case errors.Is(err, siskin.ErrMissingTopics), kerr.IsRetriable(err), noConnection(err):
		v := unavailable("the broker cannot take the request now")
		v.hidden = true
		return v
	}
	v := verdict{status: http.StatusInternalServerError, code: siskin.CodeInternal, message: failedHere, hidden: true}
	if behind(err) {
		v.status, v.message = http.StatusBadGateway, failedService
	}
	return v
}

// noConnection reports whether a call failed on its way to the broker.
func noConnection(err error) bool {
	_, called := errors.AsType[*siskin.CallError](err)
	_, network := errors.AsType[*net.OpError](err)
	return called && network
}

// behind reports whether the fault lies behind this program: the broker refused,
// or a call that was sent brought a reply that cannot be read or shown.
func behind(err error) bool {
	_, refused := errors.AsType[*kerr.Error](err)
	_, bad := errors.AsType[*unshowable](err)
	call, sent := errors.AsType[*siskin.CallError](err)
	return refused || bad || sent && call.CorrelationID != ""
}
