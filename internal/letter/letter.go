// Package letter reads dead letters, whoever wrote them: Siskin, Spring Kafka,
// SmallRye, Watermill, Spring Cloud Stream or Wolverine. What a header says is a
// stranger's word: each field is bounded, and what makes no sense is unknown.
package letter

import (
	"fmt"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Letter is a record of a dead-letter topic with what its headers tell. Not to be
// changed; safe for concurrent reading.
type Letter struct {
	Record *kgo.Record

	// Dialect is who writes such headers, or empty when nobody does. Siskin's
	// are Spring's.
	Dialect string

	// Where the record was when its handler failed. An unknown topic or group is
	// empty, an unknown number is -1, an unknown time is zero.
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
	Group     string

	// Why. Each is empty when unknown.
	ErrorType string
	CauseType string
	Error     string
	Cause     string
	Stack     string

	Handler  string // empty when unknown
	Attempts int    // 0 when unknown

	// Redriven is how often the record was put back before it came here again,
	// and From the dead letter that was put back last.
	Redriven int
	From     string
}

// Read reads a record of a dead-letter topic. It takes every record.
func Read(r *kgo.Record) Letter {
	l := Letter{Record: r, Partition: -1, Offset: -1}
	if d := dialectOf(r.Headers); d != nil {
		d.read(&l, r.Headers)
	}
	if n := number(r.Headers, wire.Redriven); n > 0 {
		l.Redriven = int(min(n, mostRedriven))
	}
	l.From = text(r.Headers, wire.RedrivenFrom)
	return l
}

// mostRedriven keeps a made-up count from flowing over.
const mostRedriven = 1_000_000

// Name is the place of the letter itself, as topic/partition@offset.
func (l Letter) Name() string { return Name(l.Record) }

// Name is the place of a record, as topic/partition@offset.
func Name(r *kgo.Record) string { return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset) }

// Origin is where the record was, as far as that is known.
func (l Letter) Origin() string {
	switch {
	case l.Topic == "":
		return ""
	case l.Partition < 0:
		return l.Topic
	case l.Offset < 0:
		return fmt.Sprintf("%s/%d", l.Topic, l.Partition)
	}
	return fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset)
}

// Kind is the type of what went wrong: the cause where there is one, since Spring
// wraps every error in one of its own.
func (l Letter) Kind() string {
	if l.CauseType != "" {
		return l.CauseType
	}
	return l.ErrorType
}

// Other says what the value is when it is not that of the record: a pointer, a
// record-batch, or what a later version of Siskin calls it. Such a letter cannot go
// back. It is empty for all others.
func (l Letter) Other() string { return text(l.Record.Headers, wire.DeadContent) }

// Back is the record as it was, for topic: without the headers of dead letters, and
// with those that say where it comes from and how often. Its partition is that of
// the record when it was read, or -1.
func (l Letter) Back(topic string) *kgo.Record {
	drop := dialectOf(l.Record.Headers).names()
	headers := slices.DeleteFunc(slices.Clone(l.Record.Headers), func(h kgo.RecordHeader) bool { return drop[h.Key] })
	headers = append(headers,
		kgo.RecordHeader{Key: wire.RedrivenFrom, Value: []byte(l.Name())},
		kgo.RecordHeader{Key: wire.Redriven, Value: fmt.Append(nil, l.Redriven+1)},
	)
	return &kgo.Record{Topic: topic, Partition: l.Partition, Key: l.Record.Key, Value: l.Record.Value, Headers: headers}
}
