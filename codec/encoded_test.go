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
