package letter

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What a field keeps at most, in bytes.
const (
	longest      = 8 << 10
	longestStack = 64 << 10
)

func text(headers []kgo.RecordHeader, name string) string { return textOf(headers, name, longest) }

func longText(headers []kgo.RecordHeader, name string) string {
	return textOf(headers, name, longestStack)
}

func textOf(headers []kgo.RecordHeader, name string, most int) string {
	value, ok := last(headers, name)
	if !ok {
		return ""
	}
	if len(value) > most {
		return strings.ToValidUTF8(string(value[:most]), "") + "…"
	}
	return strings.ToValidUTF8(string(value), "\uFFFD")
}

// last is wire.Last for a name that a dialect may not have.
func last(headers []kgo.RecordHeader, name string) ([]byte, bool) {
	if name == "" {
		return nil, false
	}
	return wire.Last(headers, name)
}

// topic is empty when no broker has a topic of that name. Wolverine writes an
// address.
func topic(headers []kgo.RecordHeader, name string) string {
	value, _ := last(headers, name)
	value = bytes.TrimPrefix(value, []byte("kafka://topic/"))
	if wire.CheckTopic(string(value)) != nil {
		return ""
	}
	return string(value)
}

// number is -1 when there is none. Some write decimal text, others four or eight
// bytes, big-endian; bytes that are all digits are no number that occurs.
func number(headers []kgo.RecordHeader, name string) int64 {
	value, ok := last(headers, name)
	if !ok {
		return -1
	}
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && digits(value) {
		return n
	}
	switch len(value) {
	case 4:
		return max(-1, int64(int32(binary.BigEndian.Uint32(value))))
	case 8:
		return max(-1, int64(binary.BigEndian.Uint64(value)))
	}
	return -1
}

func digits(value []byte) bool {
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(value) > 0
}

func partition(headers []kgo.RecordHeader, name string) int32 {
	n := number(headers, name)
	if n > math.MaxInt32 {
		return -1
	}
	return int32(n)
}

// moment is a time in milliseconds since 1970, or zero.
func moment(headers []kgo.RecordHeader, name string) time.Time {
	const last = 253_402_300_799_999 // of the year 9999; later ones have no text
	n := number(headers, name)
	if n < 0 || n > last {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// count is a small number, or 0. Old versions of Spring write one byte.
func count(headers []kgo.RecordHeader, name string) int {
	if value, ok := last(headers, name); ok && len(value) == 1 && !digits(value) {
		return int(value[0])
	}
	n := number(headers, name)
	if n < 0 || n > math.MaxInt16 {
		return 0
	}
	return int(n)
}
