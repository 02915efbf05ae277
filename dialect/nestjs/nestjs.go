// Package nestjs speaks the wire of NestJS's Kafka transport
// (@nestjs/microservices on kafkajs). The facts come from the protocol notes
// for NestJS; the section is named where a fact is used.
package nestjs

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Dialect is the NestJS dialect. The zero value is ready to use.
type Dialect struct{}

var _ dialect.Dialect = Dialect{}

// Name returns "nestjs".
func (Dialect) Name() string { return "nestjs" }

// ReplyTopic returns pattern with ".reply" behind it (section 1).
func (Dialect) ReplyTopic(pattern string) string { return pattern + wire.ReplySuffix }

// WriteRequest appends the three headers of section 2 in NestJS's order, with
// the partition as decimal text, and Siskin's own timeout header. The id must
// be safe for NestJS: not empty, and not starting with '{', '[' or NUL
// (section 11).
func (Dialect) WriteRequest(rec *kgo.Record, req dialect.Request) {
	// All values share one slice, and the headers are grown once: this runs for
	// every request.
	const numbers = 32 // two decimal numbers
	buf := make([]byte, 0, len(req.ReplyTopic)+numbers)
	take := func(from int) []byte { return buf[from:len(buf):len(buf)] }
	rec.Headers = slices.Grow(rec.Headers, 4)

	buf = append(buf, req.ReplyTopic...)
	rec.Headers = append(rec.Headers,
		kgo.RecordHeader{Key: wire.CorrelationID, Value: req.CorrelationID},
		kgo.RecordHeader{Key: wire.ReplyTopic, Value: take(0)},
	)
	if from := len(buf); req.ReplyPartition != dialect.NoPartition {
		buf = strconv.AppendInt(buf, int64(req.ReplyPartition), 10)
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: wire.ReplyPartition, Value: take(from)})
	}
	if from := len(buf); req.Timeout > 0 {
		buf = strconv.AppendInt(buf, max(1, req.Timeout.Milliseconds()), 10)
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: wire.Timeout, Value: take(from)})
	}
}

// ReadRequest follows section 6: a record is a request when it has a
// correlation id and a reply topic, both not empty.
func (Dialect) ReadRequest(rec *kgo.Record) (dialect.Request, bool) {
	req := dialect.Request{ReplyPartition: dialect.NoPartition}
	var partition []byte
	var hasPartition bool
	for i := range rec.Headers {
		switch h := &rec.Headers[i]; h.Key {
		case wire.CorrelationID:
			req.CorrelationID = h.Value
		case wire.ReplyTopic:
			req.ReplyTopic = string(h.Value)
		case wire.ReplyPartition:
			partition, hasPartition = h.Value, true
		case wire.Timeout:
			req.Timeout = readTimeout(h.Value)
		}
	}
	if len(req.CorrelationID) == 0 || req.ReplyTopic == "" {
		return dialect.Request{}, false
	}
	if hasPartition {
		req.ReplyPartition, req.Problem = readPartition(partition)
	}
	return req, true
}

// readPartition reads decimal text. NestJS uses parseFloat, which takes "1x"
// for 1 and drops the reply without a word when the result is no number
// (section 11); a reply that cannot be addressed is named here instead.
func readPartition(text []byte) (int32, string) {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 0 {
		return dialect.NoPartition, "the header " + wire.ReplyPartition + " is not a partition number: " + clip(text)
	}
	return int32(n), ""
}

// maxTimeout bounds what a peer may ask for, so that arithmetic on it cannot
// overflow. A longer time is as good as no limit.
const maxTimeout = 24 * time.Hour

// readTimeout returns zero for anything that is not a positive number: a
// header that makes no sense must not shorten a call.
func readTimeout(text []byte) time.Duration {
	ms, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || ms <= 0 {
		return 0
	}
	return time.Duration(min(ms, maxTimeout.Milliseconds())) * time.Millisecond
}

// disposed is what NestJS writes; any value, even none, means the same
// (section 2).
var disposed = []byte{0}

// WriteReply appends the headers of sections 2 and 8: the id, then the error,
// then the mark of the last reply. An error reply has no value. The reply to a
// pattern without a handler has NestJS's fixed text and no mark (section 9).
func (Dialect) WriteReply(rec *kgo.Record, reply dialect.Reply) {
	rec.Headers = append(slices.Grow(rec.Headers, 2), kgo.RecordHeader{Key: wire.CorrelationID, Value: reply.CorrelationID})
	if f := reply.Fault; f != nil {
		rec.Value = nil
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: wire.NestError, Value: writeFault(f)})
		if f.NoHandler {
			return
		}
	}
	if reply.Last || reply.Fault != nil {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: wire.NestDisposed, Value: disposed})
	}
}

// ReadReply follows section 14: an error header ends the call whatever its
// value; an empty one completes the call without a value, as NestJS does.
func (Dialect) ReadReply(rec *kgo.Record) (dialect.Reply, bool) {
	var reply dialect.Reply
	for i := range rec.Headers {
		switch h := &rec.Headers[i]; h.Key {
		case wire.CorrelationID:
			reply.CorrelationID = h.Value
		case wire.NestError:
			reply.Fault = readFault(h.Value)
			reply.Last = true
		case wire.NestDisposed:
			reply.Last = true
		}
	}
	return reply, len(reply.CorrelationID) > 0
}

// clip returns text for a message, bounded and quoted.
func clip(text []byte) string {
	const most = 64
	if len(text) > most {
		return strconv.Quote(string(bytes.ToValidUTF8(text[:most], []byte("\uFFFD")))) + "…"
	}
	return strconv.Quote(string(text))
}
