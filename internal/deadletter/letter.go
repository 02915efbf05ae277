package deadletter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/siskin-go/siskin/internal/cause"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// letter is a dead letter before it is written.
type letter struct {
	Failure

	rec      *kgo.Record // what cannot be handled
	detail   detail
	optional bool
}

// detail is how much is written beside the record: a record at the size limit
// leaves no room for its own story.
type detail int

const (
	full  detail = iota
	brief        // without the error's message and stack
	bare         // only what the record had
	// pointer is only where the record is: it is larger than what can be sent, as
	// one can be that was compressed. Trying on would hold up its partition for
	// ever.
	pointer
)

// longestStack bounds the header of a stack: it has to fit beside the record.
const longestStack = 16 << 10

// longestHandler bounds the name of a handler, which can be a regular expression.
const longestHandler = 1 << 10

var errLarge = errors.New("too large to be stored once more; it is where it was until its retention ends")

// record is a copy of the record with Spring Kafka's plain set of headers behind
// its own. Source: protocol notes for Spring, b.5. As there, the letter goes to the
// partition of its record where the topic has it, and else where its key leads; it
// does not keep the record's timestamp; and when a letter fails again, the headers
// about the origin are appended and those about the error replaced.
func (l letter) record(group string) *kgo.Record {
	out := &kgo.Record{
		Topic: Topic(l.rec.Topic), Partition: l.rec.Partition, Context: partitioner.Prefer,
		Key: l.rec.Key, Value: l.rec.Value, Headers: l.kept(),
	}
	if l.detail == bare {
		return out
	}
	add := func(key string, value []byte) {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: key, Value: value})
	}
	if l.detail == pointer {
		out.Key, out.Value = nil, nil
		add(wire.DeadContent, []byte(wire.DeadPointer))
	}
	add(wire.DeadTopic, []byte(l.rec.Topic))
	add(wire.DeadPartition, binary.BigEndian.AppendUint32(nil, uint32(l.rec.Partition)))
	add(wire.DeadOffset, binary.BigEndian.AppendUint64(nil, uint64(l.rec.Offset)))
	add(wire.DeadTimestamp, binary.BigEndian.AppendUint64(nil, uint64(l.rec.Timestamp.UnixMilli())))
	add(wire.DeadTimestampType, []byte(wire.TimestampType(l.rec)))
	add(wire.DeadGroup, []byte(group))
	add(wire.DeadErrorType, []byte(cause.Type(l.Cause)))
	if behind := cause.Behind(l.Cause); behind != "" {
		add(wire.DeadErrorCause, []byte(behind))
	}
	if l.detail != brief {
		add(wire.DeadErrorMessage, []byte(cause.Message(l.words())))
	}
	if p, ok := errors.AsType[*outcome.Panic](l.Cause); ok && l.detail == full {
		add(wire.DeadErrorStack, []byte(cause.Cut(string(p.Stack), longestStack)))
	}
	if l.Handler != "" {
		add(wire.DeadHandler, []byte(cause.Cut(l.Handler, longestHandler)))
		add(wire.DeadAttempts, strconv.AppendInt(nil, int64(l.Attempts), 10))
	}
	return out
}

// words are what the message says.
func (l letter) words() error {
	if l.detail == pointer {
		return fmt.Errorf("%w; %w", errLarge, l.Cause)
	}
	return l.Cause
}

// kept are the headers of the record that its letter has too.
func (l letter) kept() []kgo.RecordHeader {
	headers := make([]kgo.RecordHeader, 0, len(l.rec.Headers)+12)
	for _, h := range l.rec.Headers {
		stale := strings.HasPrefix(h.Key, wire.DeadErrorPrefix) || strings.HasPrefix(h.Key, wire.DeadKeyErrorPrefix) ||
			h.Key == wire.DeadHandler || h.Key == wire.DeadAttempts
		if !stale && (l.detail != pointer || h.Key == wire.DeadCount) {
			headers = append(headers, h)
		}
	}
	return headers
}
