package retry

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Copy is a record of a retry topic, read.
type Copy struct {
	Note
	// Record is what its handlers get: key and value, the headers without the
	// block, and topic, partition, offset and timestamp of the original. Where the
	// original's place is not said, it is that of the copy itself. nil for a marker.
	Record *kgo.Record
	// Token is that of a marker, and empty for every other record.
	Token string
	// Foreign is true when Siskin has not written the copy.
	Foreign bool
	// Offset is where the copy is in the retry partition.
	Offset int64
}

// longestDelay is how far away a due time may be. What is further away is no due
// time of ours and counts as now, as in Spring Kafka. The minutes are for two clocks
// that differ.
const longestDelay = 24*time.Hour + 5*time.Minute

// Read reads a record of a retry topic. It takes every record: what makes no sense
// is attempt 1, due now, for all handlers.
func Read(rec *kgo.Record, now time.Time) Copy {
	if token, ok := wire.Last(rec.Headers, wire.RetryMarker); ok && rec.Key == nil && rec.Value == nil {
		return Copy{Note: Note{Owner: NoOwner}, Token: string(token), Offset: rec.Offset}
	}
	own := ownBlock(rec.Headers)
	block := rec.Headers[max(own, 0):]
	c := Copy{
		Note: Note{
			Group: text(block, wire.DeadGroup), Attempt: attempt(block), Due: due(block, now),
			Handlers: handlers(block), Owner: owner(block),
		},
		Foreign: own < 0, Offset: rec.Offset,
	}
	c.Record = original(rec, block, own)
	return c
}

// ownBlock is where the block that Siskin has added begins, or -1. A header of that
// name further ahead is the user's.
func ownBlock(headers []kgo.RecordHeader) int {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == wire.RetryOwner {
			return i
		}
	}
	return -1
}

// original is the record as it was in its source partition, as far as that is known.
func original(rec *kgo.Record, block []kgo.RecordHeader, own int) *kgo.Record {
	out := &kgo.Record{
		Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, LeaderEpoch: -1,
		Timestamp: rec.Timestamp, Attrs: rec.Attrs,
		Key: rec.Key, Value: rec.Value, Headers: withoutBlock(rec.Headers, own),
	}
	topic := text(block, wire.RetryTopic)
	partition, offset := integer(block, wire.RetryPartition, 4), integer(block, wire.RetryOffset, 8)
	if topic != "" && partition >= 0 && offset >= 0 {
		out.Topic, out.Partition, out.Offset = topic, int32(partition), offset
	}
	if at, ok := wire.Last(block, wire.RetryTimestamp); ok && len(at) == 8 {
		out.Timestamp = time.UnixMilli(int64(binary.BigEndian.Uint64(at)))
		out.Attrs = wire.TimestampAttrs(text(block, wire.RetryTimestampType))
	} else if ms, ok := millis(block, wire.RetryFirstTimestamp); ok {
		out.Timestamp = time.UnixMilli(ms)
	}
	return out
}

// withoutBlock are the headers of the original: those ahead of the block, and in it
// what neither Siskin nor Spring calls so.
func withoutBlock(headers []kgo.RecordHeader, own int) []kgo.RecordHeader {
	kept := make([]kgo.RecordHeader, max(own, 0), len(headers))
	copy(kept, headers)
	for _, h := range headers[len(kept):] {
		if !inBlock(h.Key) {
			kept = append(kept, h)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

func inBlock(name string) bool {
	switch name {
	case wire.RetryOwner, wire.RetryHandlers,
		wire.RetryTopic, wire.RetryPartition, wire.RetryOffset, wire.RetryTimestamp, wire.RetryTimestampType, wire.DeadGroup,
		wire.RetryErrorType, wire.RetryCauseType, wire.RetryErrorMessage, wire.RetryErrorStack,
		wire.RetryKeyErrorType, wire.RetryKeyErrorMessage, wire.RetryKeyErrorStack,
		wire.RetryAttempts, wire.RetryFirstTimestamp, wire.RetryBackoff:
		return true
	}
	return false
}

func text(headers []kgo.RecordHeader, name string) string {
	value, _ := wire.Last(headers, name)
	return string(value)
}

// integer is -1 when the header does not have that many bytes, or is negative.
func integer(headers []kgo.RecordHeader, name string, bytes int) int64 {
	value, _ := wire.Last(headers, name)
	switch {
	case len(value) != bytes:
		return -1
	case bytes == 4:
		return max(-1, int64(int32(binary.BigEndian.Uint32(value))))
	}
	return max(-1, int64(binary.BigEndian.Uint64(value)))
}

// attempt reads four bytes, or one, as old versions of Spring Kafka write it.
func attempt(headers []kgo.RecordHeader) int {
	n := integer(headers, wire.RetryAttempts, 4)
	if value, _ := wire.Last(headers, wire.RetryAttempts); len(value) == 1 {
		n = int64(value[0])
	}
	if n < 1 || n > math.MaxInt16 {
		return 1
	}
	return int(n)
}

func due(headers []kgo.RecordHeader, now time.Time) time.Time {
	ms, ok := millis(headers, wire.RetryBackoff)
	if !ok || ms <= 0 || ms > now.Add(longestDelay).UnixMilli() {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// millis is a number of one to eight bytes, big-endian, with a sign.
func millis(headers []kgo.RecordHeader, name string) (int64, bool) {
	value, _ := wire.Last(headers, name)
	if len(value) < 1 || len(value) > 8 {
		return 0, false
	}
	v := int64(int8(value[0]))
	for _, b := range value[1:] {
		v = v<<8 | int64(b)
	}
	return v, true
}

func owner(headers []kgo.RecordHeader) int64 {
	n, err := strconv.ParseInt(text(headers, wire.RetryOwner), 10, 64)
	if err != nil || n < 0 {
		return NoOwner
	}
	return n
}

// mostHandlers keeps a made-up list from growing.
const mostHandlers = 1_000

// handlers is nil, so all, when one of the numbers is none: a handler that runs once
// more does less harm than one that never runs.
func handlers(headers []kgo.RecordHeader) []int {
	value := text(headers, wire.RetryHandlers)
	if value == "" {
		return nil
	}
	var numbers []int
	for part := range strings.SplitSeq(value, ",") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || len(numbers) == mostHandlers {
			return nil
		}
		numbers = append(numbers, int(n))
	}
	return numbers
}
