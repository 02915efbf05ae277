package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// printJSON writes v as one line.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// blob is bytes that may be absent, text, or anything.
type blob []byte

// MarshalJSON gives null, a string, or {"base64":"…"} for what is not text.
func (b blob) MarshalJSON() ([]byte, error) {
	switch {
	case b == nil:
		return []byte("null"), nil
	case utf8.Valid(b):
		var text bytes.Buffer
		err := printJSON(&text, string(b))
		return text.Bytes(), err
	}
	return json.Marshal(map[string][]byte{"base64": b})
}
