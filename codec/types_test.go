package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Types as users have them.
type (
	id      string
	color   int
	celsius float64
	blob    []byte
	record  struct {
		Key   string `json:"key"`
		Value int    `json:"value"`
		Note  string `json:"note"`
	}
	order struct {
		ID      id                `json:"id"`
		Lines   []record          `json:"lines"`
		Tags    map[string]string `json:"tags,omitempty"`
		Parent  *order            `json:"parent,omitempty"`
		Total   float64           `json:"total"`
		Count   int64             `json:"count"`
		Paid    bool              `json:"paid"`
		Comment *string           `json:"comment"`
	}
	empty struct{}
)

// level writes and reads itself as JSON, although its kind is string.
type level string

func (l level) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode("level " + string(l))
	return b.Bytes(), err
}

func (l *level) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*l = level(strings.TrimPrefix(s, "level "))
	return nil
}

// broken cannot be written.
type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errors.New("it is broken") }

// point has its methods on the pointer.
type point struct{ x, y int }

func (p *point) MarshalJSON() ([]byte, error) { return json.Marshal([]int{p.x, p.y}) }

func (p *point) UnmarshalJSON(b []byte) error {
	var xy []int
	if err := json.Unmarshal(b, &xy); err != nil {
		return err
	}
	if len(xy) != 2 {
		return errors.New("a point has two numbers")
	}
	p.x, p.y = xy[0], xy[1]
	return nil
}

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }
