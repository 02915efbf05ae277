package security

import (
	"fmt"
	"log/slog"
)

// Secret is a text that nobody may read, such as a password. Whatever prints,
// logs or encodes it gets "[secret]" instead, or nothing where it is empty. The
// empty Secret means that there is none. Immutable.
type Secret string

const hidden = "[secret]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the text, for the verb %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format hides the text, for every verb: without it, %x would show the bytes.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = f.Write([]byte(text)) // fmt has no use for the error
}

// MarshalText hides the text from JSON, YAML and XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the text from package log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
