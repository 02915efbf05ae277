package codec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/codec"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  []byte
	}{
		{"nil", nil, nil},
		{"nothing", struct{}{}, nil},
		{"string", "hi", []byte("hi")},
		{"empty string", "", []byte{}},
		{"bytes", []byte{0, 0xff}, []byte{0, 0xff}},
		{"no bytes", []byte{}, []byte{}},
		{"nil bytes", []byte(nil), nil},
	} {
		got, err := codec.Text.Encode(tt.value)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, encoded (-want +got):\n%s", tt.name, err, diff)
		}
	}
	for _, value := range []any{5, record{}, ptr("hi"), id("x"), []string{"a"}} {
		if _, err := codec.Text.Encode(value); err == nil || !strings.Contains(err.Error(), "codec.JSON") {
			t.Errorf("a %T is encoded with the error %v, want one that names what to use", value, err)
		}
	}
}

func TestDecodeText(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"hi", "", `{"a":1}`, "5", "\x00\xff"} {
		var (
			s string
			b []byte
			a any
		)
		for _, into := range []any{&s, &b, &a, &struct{}{}} {
			if err := codec.Text.Decode([]byte(data), into); err != nil {
				t.Errorf("%T: %v", into, err)
			}
		}
		if s != data || string(b) != data || b == nil || a != data {
			t.Errorf("%q is decoded as %q, %q and %q", data, s, b, a)
		}
	}
	s, b := "old", []byte("old")
	if err := codec.Text.Decode(nil, &s); err != nil || s != "" {
		t.Errorf("no value is decoded as %q, error %v", s, err)
	}
	if err := codec.Text.Decode(nil, &b); err != nil || b != nil {
		t.Errorf("no value is decoded as %q, error %v", b, err)
	}
	for _, into := range []any{ptr(5), ptr(record{}), ptr(id("")), ptr([]string{})} {
		if err := codec.Text.Decode([]byte("5"), into); err == nil || !strings.Contains(err.Error(), "codec.JSON") {
			t.Errorf("decoding into %T gives the error %v, want one that names what to use", into, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if codec.JSON.Name() != "json" || codec.Text.Name() != "text" {
		t.Errorf("the names are %q and %q", codec.JSON.Name(), codec.Text.Name())
	}
}
