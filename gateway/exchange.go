package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/siskin-go/siskin"
)

// exchange is one HTTP request and its answer.
type exchange struct {
	set     *settings
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController

	form    *form // of a stream, once it is chosen
	started bool  // the first part of a stream is out
}

func newExchange(set *settings, w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{set: set, w: w, r: r, control: http.NewResponseController(w)}
}

// newHandler makes a handler from what does the work. An error of do is answered
// in the way that is still possible.
func newHandler(opts []Option, do func(*exchange) error) http.Handler {
	set := newSettings(opts)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := newExchange(set, w, r)
		if err := contain(func() error { return do(x) }); err != nil {
			x.fail(err)
		}
	})
}

// callOptions are the options of the call, the strongest last.
func (x *exchange) callOptions() []siskin.CallOption {
	opts := trace(x.r.Header)
	if x.set.key != nil {
		if key := x.set.key(x.r); key != "" {
			opts = append(opts, siskin.WithKey(key))
		}
	}
	return slices.Concat(opts, x.set.calls)
}

// answerReply answers with what the service sent. When that cannot be shown,
// the fault is the service's.
func (x *exchange) answerReply(v any) error {
	b, err := encode(v)
	if err != nil {
		return &unshowable{err}
	}
	return x.send(x.set.status, b)
}

// answer answers with a value of this program.
func (x *exchange) answer(v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return x.send(x.set.status, b)
}

// encode returns v as JSON without a newline, with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// send writes a whole answer.
func (x *exchange) send(status int, body []byte) error {
	if status == http.StatusNoContent || status == http.StatusResetContent {
		x.w.WriteHeader(status)
		return nil
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	return x.write(body)
}

// write gives the caller a bounded time to take b, so that one that is dead
// cannot hold this goroutine. The bound holds for the flush behind the handler
// too. A writer without deadlines, such as a test's recorder, is left alone.
func (x *exchange) write(b []byte) error {
	_ = x.control.SetWriteDeadline(time.Now().Add(x.set.writeTimeout))
	if _, err := x.w.Write(b); err != nil {
		return &writeError{err}
	}
	return nil
}

// writeError says that the caller takes no more; nothing can be told to it.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

// gone reports whether the caller has left. A context whose time is over is
// another thing: its caller waits for an answer.
func (x *exchange) gone() bool { return errors.Is(x.r.Context().Err(), context.Canceled) }

// abort cuts the connection, so that nobody takes a part of an answer for the
// whole. The panic is net/http's way to say it; outside its server, as in a test
// with a recorder, nobody would catch it.
func (x *exchange) abort() {
	if x.r.Context().Value(http.ServerContextKey) != nil {
		panic(http.ErrAbortHandler) //nolint:forbidigo // the server of net/http takes no other sign
	}
}

// panicError is a panic of a function of the user, contained.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// contain turns a panic into an error, so that it can be answered.
func contain(do func() error) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler: // somebody means it
			panic(v) //nolint:forbidigo // it is passed on
		default:
			err = &panicError{v, debug.Stack()}
		}
	}()
	return do()
}
