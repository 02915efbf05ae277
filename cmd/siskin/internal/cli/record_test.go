package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzShown(f *testing.F) {
	for _, seed := range []string{"", "hi", "two\nlines", "\x1b[31mred", "\xff", "\u202e", "ö 漢 🐦"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, text := range []string{shown(value), word(string(value))} {
			if !printable([]byte(text)) || strings.ContainsAny(text, "\n\t") {
				t.Errorf("%q is shown as %q", value, text)
			}
		}
	})
}

// What is printed as JSON is one line, and can be turned back into the bytes.
func FuzzBlob(f *testing.F) {
	for _, seed := range []string{"", "hi", "two\nlines", "<&>", "\xff", "\u2028"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var line bytes.Buffer
		if err := printJSON(&line, blob(value)); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(line.Bytes(), []byte("\n")); n != 1 {
			t.Fatalf("%q is %d lines: %s", value, n, line.Bytes())
		}
		if got := fromJSON(t, line.Bytes()); !bytes.Equal(got, value) {
			t.Errorf("%q came back as %q", value, got)
		}
	})
}

func fromJSON(t *testing.T, line []byte) []byte {
	t.Helper()
	var text *string
	if json.Unmarshal(line, &text) == nil {
		if text == nil {
			return nil
		}
		return []byte(*text)
	}
	var other struct {
		Base64 []byte `json:"base64"`
	}
	if err := json.Unmarshal(line, &other); err != nil {
		t.Fatal(err)
	}
	return other.Base64
}

// What goes on the wire is JSON, or the text that a JSON string stands for, and
// says the same as what was typed.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{`[1, 2]`, ` {"a":1}`, `"hi"`, `"\u0000\ud800"`, `null`, `1e400`, `hi`, ``, `"a" b`, "\f0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if arg == "-" || strings.HasPrefix(arg, "@") {
			return // stdin or a file
		}
		value, err := payload(arg, nil, false)
		if (err == nil) != json.Valid([]byte(arg)) {
			t.Fatalf("%q: %v", arg, err)
		}
		switch value := value.(type) {
		case string:
			var want string
			if err := json.Unmarshal([]byte(arg), &want); err != nil || value != want || !utf8.ValidString(value) {
				t.Errorf("%q became the text %q", arg, value)
			}
		case json.RawMessage:
			if string(value) != strings.Trim(arg, jsonSpace) {
				t.Errorf("%q became %q", arg, value)
			}
		}
	})
}
