// Package records shows raw records as text for golden files.
package records

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers whose values are others each time.
const (
	CorrelationID = "kafka_correlationId"
	ReplyTopic    = "kafka_replyTopic"
	Timeout       = "siskin-timeout"
)

// Text shows records without what differs from run to run.
type Text struct {
	// Prefixes are taken from the names of topics, one after the other.
	Prefixes []string
	// Partition also shows the partitions of records.
	Partition bool
	// Unknown is told about a header whose value has none of the known forms.
	// Nil accepts every form and shows the value as it is.
	Unknown func(format string, args ...any)
}

// Write writes a paragraph for each record.
func (x Text) Write(w io.Writer, all []*kgo.Record) {
	for _, r := range all {
		_, _ = fmt.Fprintf(w, "\n  topic  %s\n", x.Topic(r.Topic))
		if x.Partition {
			_, _ = fmt.Fprintf(w, "  partition %d\n", r.Partition)
		}
		_, _ = fmt.Fprintf(w, "  key    %s\n  value  %s\n", Bytes(r.Key), Bytes(r.Value))
		for _, h := range r.Headers {
			_, _ = fmt.Fprintf(w, "  header %s = %s\n", h.Key, Bytes(x.constant(h)))
		}
	}
}

// Bytes tells no bytes from empty ones.
func Bytes(b []byte) string {
	if b == nil {
		return "none"
	}
	return fmt.Sprintf("%q", b)
}

// Topic is the name of a topic without the prefixes of this run.
func (x Text) Topic(topic string) string {
	for _, prefix := range x.Prefixes {
		topic = strings.TrimPrefix(topic, prefix)
	}
	return topic
}

var (
	siskinID = regexp.MustCompile(`^[A-Z2-7]{16}-[0-9a-z]+$`)
	nestID   = regexp.MustCompile(`^[0-9a-f]{21}$`)
	digits   = regexp.MustCompile(`^[1-9][0-9]*$`)
)

// constant replaces the value of a header that is another one each time.
func (x Text) constant(h kgo.RecordHeader) []byte {
	switch {
	case h.Key == CorrelationID && siskinID.Match(h.Value):
		return []byte("<id of Siskin>")
	case h.Key == CorrelationID && nestID.Match(h.Value):
		return []byte("<id of NestJS>")
	case h.Key == ReplyTopic:
		return []byte(x.Topic(string(h.Value)))
	case h.Key == Timeout && digits.Match(h.Value):
		return []byte("<ms>")
	case x.Unknown != nil && (h.Key == CorrelationID || h.Key == Timeout):
		x.Unknown("the header %s has the unknown form %q", h.Key, h.Value)
	}
	return h.Value
}
