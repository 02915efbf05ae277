// Package dialect says what differs on the wire between the frameworks that
// Siskin talks to: the headers of requests and replies and the shape of errors.
// Everything else is the same for all of them and lives elsewhere.
package dialect

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Dialect reads and writes the headers of one framework. Implementations hold
// no state and are safe for concurrent use. They never change the key of a
// record, and its value only where a method says so.
type Dialect interface {
	// Name is the dialect's short name in settings and logs, such as "nestjs".
	Name() string

	// ReplyTopic is the topic on which replies to pattern arrive by default.
	ReplyTopic(pattern string) string

	// WriteRequest appends the headers that make rec a request.
	WriteRequest(rec *kgo.Record, req Request)

	// ReadRequest returns what rec asks for. It reports false when rec is not
	// a request in this dialect; such a record is an event.
	ReadRequest(rec *kgo.Record) (Request, bool)

	// WriteReply appends the headers of one reply to rec. For a reply with a
	// Fault it also sets the value to what the dialect sends with an error.
	WriteReply(rec *kgo.Record, reply Reply)

	// ReadReply returns the reply that rec carries. It reports false when rec
	// cannot be matched to any request, because it has no correlation id.
	ReadReply(rec *kgo.Record) (Reply, bool)
}

// NoPartition stands for "the peer named no partition".
const NoPartition int32 = -1

// Request is what the headers of a request say.
type Request struct {
	// CorrelationID is echoed in each reply, byte for byte. Never empty.
	CorrelationID []byte
	// ReplyTopic is where the caller listens. A server treats it as
	// untrusted input. Never empty.
	ReplyTopic string
	// ReplyPartition is the partition on which the caller listens, or
	// NoPartition when it named none.
	ReplyPartition int32
	// Timeout is how long the caller still waits when it writes the record.
	// Zero when the caller did not say.
	Timeout time.Duration
	// Problem says why the headers cannot be obeyed although they make the
	// record a request, such as a partition that is no number. Empty when
	// all is well.
	Problem string
}

// Reply is what one reply record says beside its value.
type Reply struct {
	CorrelationID []byte
	// Fault is the error that ends the call, or nil for a value.
	Fault *Fault
	// Last says that no further reply follows.
	Last bool
}

// Codes is the closed set of error codes, in the order in which package siskin
// declares them.
var Codes = []string{
	"invalid", "not_found", "denied", "conflict", "unavailable", "timeout", "unimplemented", "internal", "unknown",
}

// Fault is an error as it crosses the wire.
type Fault struct {
	// Code is one of Codes; "unknown" when a peer sent something else.
	Code string
	// Message is text for people. It may be empty.
	Message string
	// Details is further JSON, or nil. For an error from a peer that is not in
	// Siskin's shape it is the peer's error whole.
	Details []byte
	// NoHandler says that nothing serves the pattern. Some dialects write a
	// fixed text for it.
	NoHandler bool
}
