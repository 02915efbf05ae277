package siskin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/internal/inbox"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/pending"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Code says what kind of error a peer is told about. The set is closed: a
// caller can handle every code. There is no code for success.
type Code string

// The codes.
const (
	CodeInvalid       Code = "invalid"       // the request is wrong and will stay so
	CodeNotFound      Code = "not_found"     // what the request names does not exist
	CodeDenied        Code = "denied"        // the caller may not do this
	CodeConflict      Code = "conflict"      // the state of things does not allow it now
	CodeUnavailable   Code = "unavailable"   // trying again later can help
	CodeTimeout       Code = "timeout"       // it took too long
	CodeUnimplemented Code = "unimplemented" // nothing serves the pattern
	CodeInternal      Code = "internal"      // the service failed; its log knows why
	CodeUnknown       Code = "unknown"       // a peer sent an error without one of these codes
)

// Error is an error made to be told to a peer. A handler that returns one, also
// wrapped, sends its code, message and details to the caller: put nothing
// secret in them. Any other error crosses the wire as CodeInternal without its
// text, and stays in the local log.
//
// The error of a failed call is an Error too, marked Remote. A remote error
// that a handler merely passes on is not its own verdict and crosses as
// CodeInternal; to tell the caller, make a new one with Errorf.
type Error struct {
	Code    Code
	Message string
	// Details is further JSON for the peer, or nil. For an error from a peer
	// that is not in Siskin's shape, it is the peer's error whole.
	Details json.RawMessage
	// Remote is true for an error that a peer sent.
	Remote bool

	cause error
}

// Errorf returns an error for the caller of a handler. The text crosses the
// wire. With %w the wrapped error can be found by errors.Is and errors.As in
// this process; its text is part of the message like that of any other verb.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// WithDetails returns a copy of the error with details as JSON. Details that
// cannot be encoded are left out.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	c.Details, _ = json.Marshal(details)
	return &c
}

// WithCause returns a copy of the error with a cause that stays in this
// process: it is logged, and never crosses the wire.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return string(e.Code) + ": " + e.Message
}

// Unwrap returns the local cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the code of the first Error in err's chain, CodeTimeout for a
// call without an answer in time, CodeUnavailable for one that could not be sent
// or whose replies were cut off, CodeInternal for any other error, and "" for
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	switch {
	case errors.Is(err, ErrNoReply), errors.Is(err, ErrStreamIdle):
		return CodeTimeout
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrOverloaded), errors.Is(err, ErrClosed),
		errors.Is(err, ErrRouteLost), errors.Is(err, ErrSlowReader):
		return CodeUnavailable
	}
	return CodeInternal
}

// Errors of a client or service that a caller can act on; test with errors.Is.
var (
	// ErrClosed says that the client was closed, before or during the call.
	ErrClosed = errors.New("the client is closed")
	// ErrNoReply says that the broker has stored the request and no reply
	// came in time. The service may have handled it.
	ErrNoReply = errors.New("no reply in time; does a service run that handles this pattern?")
	// ErrUnavailable says that the broker has not confirmed the record in
	// time. It may still be stored.
	ErrUnavailable = errors.New("the broker did not confirm the record in time; is it running?")
	// ErrOverloaded says that Config.MaxPending calls wait already.
	ErrOverloaded = fmt.Errorf("overloaded: %w; see Config.MaxPending", pending.ErrFull)
	// ErrSlowReader says that the reader of a stream fell more than
	// Config.StreamBuffer replies, or 16 MiB, behind.
	ErrSlowReader = pending.ErrSlowReader
	// ErrStreamIdle says that a stream was silent for Config.StreamIdle.
	ErrStreamIdle = errors.New("the stream was silent for too long")
	// ErrRouteLost says that the partition for replies is gone. The next call
	// uses another one.
	ErrRouteLost = inbox.ErrRouteLost
	// ErrMissingTopics says that topics do not exist, under "verify".
	ErrMissingTopics = topics.ErrMissing
	// ErrAuthentication says that the broker and this program do not accept each
	// other; the error is a *security.AuthenticationError.
	ErrAuthentication = security.ErrAuthentication
	// ErrAuthorization says that the broker does not let this program do
	// something; the error is a *security.AuthorizationError.
	ErrAuthorization = security.ErrAuthorization
	// ErrReplyEnded is returned to a handler that sends after the end of its
	// stream.
	ErrReplyEnded = reply.ErrFinished
	// ErrPartitionLost says that a partition belongs to another member by now. As
	// the cause of a handler's context it says that nothing counts any more that
	// the handler does; see context.Cause.
	ErrPartitionLost = intake.ErrLost
	// ErrDrained is the cause of a handler's context that has ended because
	// Config.Drain was over, or Service.Abort was called.
	ErrDrained = intake.ErrDrained
	// ErrUnfinished says that an offset cannot be committed, because a record
	// before it has no final outcome.
	ErrUnfinished = commit.ErrUnfinished
	// ErrNotManual says that a handler was not registered with ManualCommit.
	ErrNotManual = errors.New("the handler has no ManualCommit: its records are committed by themselves")
	// ErrFenced says that another process has joined with this InstanceID.
	ErrFenced = intake.ErrFenced
	// ErrTopicsDiffer says that NestJS servers in the consumer group read topics
	// that this service has no handlers for; see Config.Protocol.
	ErrTopicsDiffer = intake.ErrTopicsDiffer
	// ErrRunning says that Run was called a second time.
	ErrRunning = errors.New("the service was already started")
)

// CallError is a failed call of a client. Unwrap gives the reason: a remote
// *Error, one of the errors of this package, or the error of the caller's
// context.
type CallError struct {
	Pattern       string
	CorrelationID string // empty when the request never got one
	Err           error
}

func (e *CallError) Error() string {
	if e.CorrelationID == "" {
		return fmt.Sprintf("siskin: call %q: %v", e.Pattern, e.Err)
	}
	return fmt.Sprintf("siskin: call %q (%s): %v", e.Pattern, e.CorrelationID, e.Err)
}

// Unwrap returns the reason.
func (e *CallError) Unwrap() error { return e.Err }

// DecodeError says that the value of a record does not fit the type that was
// asked for.
type DecodeError struct {
	Topic     string
	Partition int32
	Offset    int64
	Err       error
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("siskin: record %s/%d@%d: %v", e.Topic, e.Partition, e.Offset, e.Err)
}

// Unwrap returns what the codec said.
func (e *DecodeError) Unwrap() error { return e.Err }

// ConfigError is one wrong setting or registration.
type ConfigError struct {
	// Field is the field of Config, or what was registered, with the file and
	// line where that was done.
	Field string
	Value any
	Err   error
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("siskin: %s %q: %v", e.Field, fmt.Sprint(e.Value), e.Err)
}

// Unwrap returns what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

// fault turns a handler's error into what its caller may know.
func fault(err error) *dialect.Fault {
	if e, ok := errors.AsType[*Error](err); ok && !e.Remote {
		return &dialect.Fault{Code: string(e.Code), Message: e.Message, Details: e.Details}
	}
	if _, ok := errors.AsType[*DecodeError](err); ok {
		return &dialect.Fault{Code: string(CodeInvalid), Message: "the request cannot be decoded"}
	}
	return &dialect.Fault{Code: string(CodeInternal)}
}

// authored reports whether err is the caller's affair, who is told about it, so
// that the service's log need not shout.
func authored(err error) bool {
	if _, ok := errors.AsType[*DecodeError](err); ok {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	return ok && !e.Remote && e.Code != CodeInternal
}

// late is the error of a handler that returned err when its time was over.
func late(err error) error { return Errorf(CodeTimeout, "the handler took too long").WithCause(err) }

// remoteError is the error that a peer sent.
func remoteError(f *dialect.Fault) *Error {
	return &Error{Code: Code(f.Code), Message: f.Message, Details: f.Details, Remote: true}
}

// callError is the error of a call, with the reasons of inner packages in the
// words of this one.
func (c *Client) callError(pattern, id string, err error) error {
	err = c.closedError(err)
	if errors.Is(err, pending.ErrFull) {
		err = ErrOverloaded
	}
	return &CallError{Pattern: pattern, CorrelationID: id, Err: err}
}

// closedError gives ErrClosed for whatever the end of the client caused.
func (c *Client) closedError(err error) error {
	switch {
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled) && c.topics.Closed():
		return ErrClosed
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrNoReply) && !errors.Is(err, ErrUnavailable):
		return c.unavailable(err) // the time ended before anything was sent
	}
	return err
}

// unavailable is ErrUnavailable with what is known of the cause.
func (c *Client) unavailable(cause error) error {
	if away := c.watch.Away(); away != nil {
		return fmt.Errorf("%w (%w; %w)", ErrUnavailable, cause, away)
	}
	return fmt.Errorf("%w (%w)", ErrUnavailable, cause)
}

// produceError puts a failure to store a record into words.
func (c *Client) produceError(topic string, err error) error {
	switch {
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		return fmt.Errorf("%w (%w)", ErrUnavailable, err)
	case errors.Is(err, kgo.ErrMaxBuffered):
		return fmt.Errorf("%w: too many records wait for the broker", ErrOverloaded)
	case errors.Is(err, kgo.ErrClientClosed):
		return ErrClosed
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return Errorf(CodeInvalid, "the record is too large; see Config.MaxRecordBytes and the broker's message.max.bytes").
			WithCause(err)
	}
	return c.watch.Explain(security.OnTopic(security.Write, topic, err))
}
