package cli

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// jsonRecord is a record under names that stay. Headers are a list, because
// their order counts and a name may repeat.
type jsonRecord struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Timestamp string       `json:"timestamp"`
	Key       blob         `json:"key"`
	Headers   []jsonHeader `json:"headers"`
	Value     blob         `json:"value"`
}

type jsonHeader struct {
	Name  string `json:"name"`
	Value blob   `json:"value"`
}

func printRecordJSON(w io.Writer, r *kgo.Record) error {
	return printJSON(w, jsonRecord{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: stamp(r.Timestamp),
		Key: r.Key, Headers: jsonHeaders(r), Value: r.Value,
	})
}

func jsonHeaders(r *kgo.Record) []jsonHeader {
	headers := make([]jsonHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = jsonHeader{Name: h.Key, Value: h.Value}
	}
	return headers
}

// recordPrinter prints a record as one line for people.
type recordPrinter struct{ dim func(string) string }

func (p recordPrinter) print(w io.Writer, r *kgo.Record) error {
	var line bytes.Buffer
	line.WriteString(p.dim(stamp(r.Timestamp)))
	fmt.Fprintf(&line, " %s/%d@%d", r.Topic, r.Partition, r.Offset)
	if r.Key != nil {
		fmt.Fprintf(&line, " key=%q", r.Key)
	}
	for _, h := range r.Headers {
		line.WriteString(p.dim(fmt.Sprintf(" %s=%q", word(h.Key), h.Value)))
	}
	line.WriteString(" " + shown(r.Value) + "\n")
	_, err := w.Write(line.Bytes())
	return err
}

// word is a header's name, quoted if it could be mistaken for something else.
func word(name string) string {
	if name == "" || !printable([]byte(name)) || bytes.ContainsAny([]byte(name), " =\"\n\t") {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// shown is a value on one line that no byte of it can leave.
func shown(value []byte) string {
	switch {
	case value == nil:
		return "(no value)"
	case !printable(value) || bytes.ContainsAny(value, "\n\t"):
		return fmt.Sprintf("%q", value)
	}
	return string(value)
}

// printable reports whether text is safe to show on a terminal: no bytes that
// move the cursor, change colors or are no text at all.
func printable(text []byte) bool {
	if !utf8.Valid(text) {
		return false
	}
	for _, r := range string(text) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// harmless is text of a stranger, such as a service's error, that can be shown.
func harmless(text string) string {
	if printable([]byte(text)) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
