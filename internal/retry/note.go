package retry

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/cause"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// NoOwner is the number of nobody: of a record that no owner with KeepOrder wrote.
const NoOwner int64 = -1

// noOwner is how NoOwner is written.
const noOwner = "-"

// Note is what is written beside a record in a retry topic.
type Note struct {
	// Group is the consumer group; empty when a foreign record names none.
	Group string
	// Attempt is the one that comes next, from 1 to 32,767. What is outside is
	// written as the nearest of these.
	Attempt int
	// Due is when it may run; zero means at once. It is written in milliseconds,
	// rounded up.
	Due time.Time
	// Handlers are the numbers of an event's handlers that are still to run; nil
	// means all of them.
	Handlers []int
	// Owner is the number of the owner that writes, or NoOwner.
	Owner int64
	// Cause is the last failure; nil for a record that only waits behind another.
	// It is not read back.
	Cause error
}

// Longest is the longest wait. Spring's consumers take a longer one for a mistake.
// Source: protocol notes for Spring, b.6.
const Longest = 24 * time.Hour

// Record is a copy of rec for the partition of the same number in a retry topic.
// rec is the record as its handlers got it, so without the block of an earlier copy.
func (n Note) Record(topic string, rec *kgo.Record) *kgo.Record {
	headers := make([]kgo.RecordHeader, len(rec.Headers), len(rec.Headers)+blockLength)
	copy(headers, rec.Headers)
	add := func(key string, value []byte) {
		headers = append(headers, kgo.RecordHeader{Key: key, Value: value})
	}
	add(wire.RetryOwner, n.owner())
	if len(n.Handlers) > 0 {
		add(wire.RetryHandlers, n.handlers())
	}
	add(wire.RetryTopic, []byte(rec.Topic))
	add(wire.RetryPartition, binary.BigEndian.AppendUint32(nil, uint32(rec.Partition)))
	add(wire.RetryOffset, binary.BigEndian.AppendUint64(nil, uint64(rec.Offset)))
	add(wire.RetryTimestamp, binary.BigEndian.AppendUint64(nil, uint64(rec.Timestamp.UnixMilli())))
	add(wire.RetryTimestampType, []byte(wire.TimestampType(rec)))
	add(wire.DeadGroup, []byte(n.Group))
	if n.Cause != nil {
		add(wire.RetryErrorType, []byte(cause.Type(n.Cause)))
		if behind := cause.Behind(n.Cause); behind != "" {
			add(wire.RetryCauseType, []byte(behind))
		}
		add(wire.RetryErrorMessage, []byte(cause.Message(n.Cause)))
	}
	attempt := min(max(n.Attempt, 1), math.MaxInt16)
	add(wire.RetryAttempts, binary.BigEndian.AppendUint32(nil, uint32(attempt)))
	add(wire.RetryFirstTimestamp, shortest(rec.Timestamp.UnixMilli()))
	add(wire.RetryBackoff, shortest(ceil(n.Due)))
	return &kgo.Record{
		Topic: topic, Partition: rec.Partition, Context: partitioner.Obey,
		Key: rec.Key, Value: rec.Value, Headers: headers,
	}
}

// blockLength is how many headers Record adds at most.
const blockLength = 14

func (n Note) owner() []byte {
	if n.Owner < 0 {
		return []byte(noOwner)
	}
	return strconv.AppendInt(nil, n.Owner, 10)
}

func (n Note) handlers() []byte {
	texts := make([]string, len(n.Handlers))
	for i, h := range n.Handlers {
		texts[i] = strconv.Itoa(h)
	}
	return []byte(strings.Join(texts, ","))
}

// ceil is t in milliseconds, rounded up: nothing runs before it is due. It is 0 for
// the zero time.
func ceil(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

// shortest is the two's complement of v in as few bytes as hold it, as Java's
// BigInteger.toByteArray gives it.
func shortest(v int64) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(v))
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// Marker is the record with which an owner with KeepOrder begins: its offset is the
// owner's number. token tells it from the markers of others.
func Marker(topic string, partition int32, token string) *kgo.Record {
	return &kgo.Record{
		Topic: topic, Partition: partition, Context: partitioner.Obey,
		Headers: []kgo.RecordHeader{{Key: wire.RetryMarker, Value: []byte(token)}},
	}
}
