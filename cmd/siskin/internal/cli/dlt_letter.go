package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/letter"
)

// jsonLetter is a dead letter under names that stay. What is unknown is left out.
type jsonLetter struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Timestamp string `json:"timestamp"`

	Dialect   string     `json:"dialect,omitempty"`
	Original  jsonOrigin `json:"original"`
	Group     string     `json:"group,omitempty"`
	Handler   string     `json:"handler,omitempty"`
	Attempts  int        `json:"attempts,omitempty"`
	ErrorType string     `json:"errorType,omitempty"`
	CauseType string     `json:"causeType,omitempty"`
	Error     string     `json:"error,omitempty"`
	Cause     string     `json:"cause,omitempty"`
	Stack     string     `json:"stack,omitempty"`

	Redriven     bool   `json:"redriven"`
	Redrives     int    `json:"redrives"`
	RedrivenFrom string `json:"redrivenFrom,omitempty"`

	Key     blob         `json:"key"`
	Headers []jsonHeader `json:"headers"`
	Value   blob         `json:"value"`
}

type jsonOrigin struct {
	Topic     string `json:"topic,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Timestamp string `json:"timestamp,omitempty"`
}

func printLetterJSON(w io.Writer, l letter.Letter, redriven bool) error {
	r := l.Record
	out := jsonLetter{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: stamp(r.Timestamp),
		Dialect: l.Dialect, Original: jsonOrigin{Topic: l.Topic, Timestamp: known(l.Timestamp)},
		Group: l.Group, Handler: l.Handler, Attempts: l.Attempts,
		ErrorType: l.ErrorType, CauseType: l.CauseType, Error: l.Error, Cause: l.Cause, Stack: l.Stack,
		Redriven: redriven, Redrives: l.Redriven, RedrivenFrom: l.From,
		Key: r.Key, Headers: jsonHeaders(r), Value: r.Value,
	}
	if l.Partition >= 0 {
		out.Original.Partition = &l.Partition
	}
	if l.Offset >= 0 {
		out.Original.Offset = &l.Offset
	}
	return printJSON(w, out)
}

// known is a time as text, or empty.
func known(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// field is a name and what is known about it.
type field struct{ name, value string }

// printLetterLine prints a letter as one line for people.
func printLetterLine(w io.Writer, l letter.Letter, redriven bool) error {
	line := []string{stamp(l.Record.Timestamp), l.Name()}
	for _, f := range []field{
		{"from", l.Origin()},
		{"handler", quoted(l.Handler)},
		{"group", quoted(l.Group)},
		{"attempts", some(l.Attempts)},
		{"redrives", some(l.Redriven)},
		{"error", quoted(brief(l.Kind()))},
	} {
		if f.value != "" {
			line = append(line, f.name+"="+f.value)
		}
	}
	if l.Error != "" {
		line = append(line, fmt.Sprintf("%q", brief(l.Error)))
	}
	if redriven {
		line = append(line, "(redriven)")
	}
	_, err := fmt.Fprintln(w, strings.Join(line, " "))
	return err
}

// quoted is text on one line, bare where that is clear, or nothing.
func quoted(text string) string {
	if text == "" {
		return ""
	}
	return word(text)
}

func some(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// brief is the first line of text, cut if it is long.
func brief(text string) string {
	const longest = 200
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// printLetter prints all that is known about a letter.
func printLetter(w io.Writer, l letter.Letter, redriven bool) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "letter     %s at %s\n", l.Name(), stamp(l.Record.Timestamp))
	for _, f := range []field{
		{"headers of", l.Dialect},
		{"from", originAt(l)},
		{"handler", l.Handler},
		{"group", l.Group},
		{"attempts", some(l.Attempts)},
		{"redrives", some(l.Redriven)},
		{"put back", l.From},
		{"redriven", map[bool]string{true: "yes", false: "no"}[redriven]},
		{"error", l.ErrorType},
		{"message", l.Error},
		{"cause", l.CauseType},
		{"", l.Cause},
		{"stack", strings.TrimRight(strings.ReplaceAll(l.Stack, "\r\n", "\n"), "\n")},
	} {
		if f.value != "" {
			fmt.Fprintf(&out, "%-10s %s\n", f.name, strings.ReplaceAll(harmless(f.value), "\n", "\n           "))
		}
	}
	if l.Record.Key != nil {
		fmt.Fprintf(&out, "%-10s %s\n", "key", shown(l.Record.Key))
	}
	for _, h := range l.Record.Headers {
		fmt.Fprintf(&out, "header     %s=%q\n", word(h.Key), brief(string(h.Value)))
	}
	fmt.Fprintf(&out, "\n%s\n", strings.TrimRight(pretty(l.Record.Value), "\n"))
	_, err := w.Write(out.Bytes())
	return err
}

func originAt(l letter.Letter) string {
	if l.Timestamp.IsZero() || l.Topic == "" {
		return l.Origin()
	}
	return l.Origin() + " at " + stamp(l.Timestamp)
}

// pretty is a value over several lines: JSON with its parts set off, text as it is,
// all else in hexadecimal.
func pretty(value []byte) string {
	var indented bytes.Buffer
	switch {
	case value == nil:
		return "(no value)"
	case len(value) == 0:
		return "(empty)"
	case json.Indent(&indented, value, "", "  ") == nil && printable(indented.Bytes()):
		return indented.String()
	case printable(value):
		return string(value)
	}
	return hex.Dump(value)
}
