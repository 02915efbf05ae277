package codec_test

import (
	"testing"

	"github.com/siskin-go/siskin/codec"
)

// What is encoded is not encoded again, whatever the codec makes of its type.
func TestEncodedStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []codec.Codec{codec.JSON, codec.Text} {
		for _, want := range []codec.Encoded{codec.Encoded(`{ "a" : 1 }`), codec.Encoded("\x00\xff"), {}, nil} {
			got, err := codec.Encode(c, want)
			if err != nil || string(got) != string(want) || (got == nil) != (want == nil) {
				t.Errorf("%s: Encode(%q) = %q, %v", c.Name(), want, got, err)
			}
		}
	}
	if got, err := codec.Encode(codec.JSON, 1.5); err != nil || string(got) != "1.5" {
		t.Errorf("Encode(1.5) = %q, %v", got, err)
	}
}

func TestEncodedIsTheValueItself(t *testing.T) {
	t.Parallel()
	data := []byte(`{"a":1}`)
	var e codec.Encoded
	if err := codec.Decode(codec.JSON, data, &e); err != nil || &e[0] != &data[0] || len(e) != len(data) {
		t.Errorf("got %q, %v, want %q itself", e, err, data)
	}
	if err := codec.Decode(codec.JSON, nil, &e); err != nil || e != nil {
		t.Errorf("got %q, %v, want nil", e, err)
	}
	var n float64
	if err := codec.Decode(codec.JSON, []byte("1.5"), &n); err != nil || n != 1.5 {
		t.Errorf("got %v, %v, want 1.5", n, err)
	}
}
