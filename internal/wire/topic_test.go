package wire_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/internal/wire"
)

func TestCheckTopic(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		want string // a part of the error, or empty when the name is legal
	}{
		{"sum", ""},
		{"a", ""},
		{"A-Z_0.9", ""},
		{"...", ""},
		{"-", ""},
		{"__consumer_offsets", ""},
		{strings.Repeat("x", 249), ""},
		{"", "empty"},
		{".", `"." is reserved`},
		{"..", `".." is reserved`},
		{strings.Repeat("x", 250), "250 characters, the most is 249"},
		{"a b", `' ' at position 1`},
		{"a/b", `'/' at position 1`},
		{`{"cmd":"sum"}`, `'{' at position 0`},
		{"sum\x00", `'\x00' at position 3`},
		{"sum\n", `'\n' at position 3`},
		{"größe", "position 2"},
		{"\xff", "position 0"},
		{"а", "position 0"}, // a Cyrillic letter
	} {
		err := wire.CheckTopic(tt.name)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("CheckTopic(%q) = %v, want nil", tt.name, err)
		case tt.want != "" && (!errors.Is(err, wire.ErrTopicName) || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("CheckTopic(%q) = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

var legal = regexp.MustCompile(`\A[a-zA-Z0-9._-]{1,249}\z`)

func FuzzCheckTopic(f *testing.F) {
	for _, name := range []string{"sum", "", ".", "..", "a b", "größe", "\xff", strings.Repeat("x", 250), "a\n", "_", "{"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := wire.CheckTopic(name)
		want := legal.MatchString(name) && name != "." && name != ".."
		if got := err == nil; got != want {
			t.Fatalf("CheckTopic(%q) = %v, want legal: %v", name, err, want)
		}
		if err != nil && !errors.Is(err, wire.ErrTopicName) {
			t.Fatalf("CheckTopic(%q) = %v, which is not ErrTopicName", name, err)
		}
	})
}
