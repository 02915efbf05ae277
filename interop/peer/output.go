package peer

import (
	"bytes"
	"encoding/json"
	"sync"
)

// Line is one line of a program's standard output. Which fields are there tells
// what it is about; the README of interop/nest describes them.
type Line struct {
	Ready  bool   `json:"ready"`
	Port   int    `json:"port"` // in the ready line of a program that takes HTTP
	Status string `json:"status"`

	// An event that a server received.
	Event   string          `json:"event"`
	Handler int             `json:"handler"`
	Payload json.RawMessage `json:"payload"`
	Key     json.RawMessage `json:"key"`
	Headers json.RawMessage `json:"headers"`

	// Where a worker has found a request.
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`

	// An error that Nest has logged.
	Log string `json:"log"`

	// What became of a client's call. A field that is absent is nil, one that
	// is null has the text null.
	ID       int             `json:"id"`
	Next     json.RawMessage `json:"next"`
	Error    json.RawMessage `json:"error"`
	Complete bool            `json:"complete"`
}

// lines is a writer that splits its input into lines.
type lines struct {
	each func([]byte)
	rest []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		l.each(line)
		l.rest = rest
	}
}

// tail is a writer that keeps the end of its input. Safe for concurrent use.
type tail struct {
	most int

	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - t.most; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return "(nothing)"
	}
	return string(t.text)
}
