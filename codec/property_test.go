package codec_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/codec"
	"pgregory.net/rapid"
)

// roundTrip checks that v comes back as it went.
func roundTrip[T any](t *rapid.T, c codec.Codec, v T) {
	data, err := c.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	var got T
	if err := c.Decode(data, &got); err != nil {
		t.Fatalf("%T %v is encoded as %q, which is not decoded: %v", v, v, data, err)
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Fatalf("%T is encoded as %q and decoded (-want +got):\n%s", v, data, diff)
	}
}

func anyOrder(t *rapid.T) order {
	text := rapid.String().Filter(utf8.ValidString)
	o := order{
		ID:    id(text.Draw(t, "id")),
		Total: rapid.Float64Range(-1e300, 1e300).Draw(t, "total"),
		Count: rapid.Int64().Draw(t, "count"),
		Paid:  rapid.Bool().Draw(t, "paid"),
		Lines: rapid.SliceOf(rapid.Custom(func(t *rapid.T) record {
			return record{text.Draw(t, "key"), rapid.Int().Draw(t, "value"), text.Draw(t, "note")}
		})).Draw(t, "lines"),
		Comment: rapid.Ptr(text, true).Draw(t, "comment"),
	}
	if rapid.Bool().Draw(t, "tagged") {
		o.Tags = rapid.MapOfN(text, text, 1, 5).Draw(t, "tags")
	}
	if rapid.IntRange(0, 3).Draw(t, "child") == 0 {
		o.Parent = ptr(anyOrder(t))
	}
	return o
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		roundTrip(t, codec.JSON, raw)
		roundTrip(t, codec.JSON, id(raw))
		roundTrip(t, codec.JSON, []byte(raw))
		roundTrip(t, codec.JSON, json.RawMessage(raw))
		roundTrip(t, codec.JSON, blob(raw))
		roundTrip(t, codec.JSON, &raw)
		roundTrip(t, codec.JSON, (*string)(nil))
		roundTrip(t, codec.JSON, rapid.Int64().Draw(t, "int"))
		roundTrip(t, codec.JSON, rapid.Uint64().Draw(t, "uint"))
		roundTrip(t, codec.JSON, rapid.Float64Range(-1e300, 1e300).Draw(t, "float"))
		roundTrip(t, codec.JSON, rapid.Bool().Draw(t, "bool"))
		roundTrip(t, codec.JSON, rapid.SliceOf(rapid.Float64Range(-1e9, 1e9)).Draw(t, "floats"))
		o := anyOrder(t)
		roundTrip(t, codec.JSON, o)
		roundTrip(t, codec.JSON, &o)
		roundTrip(t, codec.JSON, []order{o})
		roundTrip(t, codec.JSON, map[string]order{"a": o})
		roundTrip(t, codec.JSON, level(o.ID))
		roundTrip(t, codec.JSON, struct{}{})
	})
}

func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		roundTrip(t, codec.Text, string(raw))
		roundTrip(t, codec.Text, raw)
		roundTrip(t, codec.Text, struct{}{})
	})
}

// Values come from the network, and contracts say into what they are decoded.
// Nothing may panic or grow, and what was read reads the same once more.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{
		"", "hi", "5", "-0", "1e400", "true", "null", `"q"`, "{}", "[]", "[1,2,3]", `{"a":{"b":[null,1.50]}}`, " {}", "{", `["\ud800"]`,
		"\x00\x01", "\xff", `{"key":"k","value":1}`, `{"id":7}`, `{"lines":[{"value":"x"}]}`, `{"parent":{"parent":{}}}`, "NaN", "-Infinity", "\ufeff[]",
		`"level high"`, "[1,2]", `{"a":1,"a":2}`, "[9007199254740993]", `"2026-02-03T12:00:00Z"`, `{"total":1e308,"tags":{"<":"&"}}`,
		// encoding/json goes 10,000 levels deep.
		strings.Repeat("[", 50_000), strings.Repeat(`{"parent":`, 20_000),
		strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000), strings.Repeat("9", 50_000), "[" + strings.Repeat("9", 50_000) + "]",
		"1e" + strings.Repeat("9", 1_000), "[1e-" + strings.Repeat("9", 1_000) + "]", `{"a":"` + strings.Repeat("\xff", 1_000), "[\"\xc3", `["\u12`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, into := range []any{
			new(any), new(string), new([]byte), new(json.RawMessage), new(id), new(*string), new(level), new(color), new(blob),
			new(int64), new(float64), new(bool), new([]float64), new(map[string]any), new(record), new(order), new(*order),
			new(point), new([]any), new(json.Number), new(struct{}),
		} {
			again(t, data, into)
		}
		var v any
		if err := codec.JSON.Decode(data, &v); err != nil {
			t.Fatalf("%q is not decoded into any: %v", data, err)
		}
		switch v.(type) {
		case string, []byte:
			if back, err := codec.JSON.Encode(v); err != nil || !bytes.Equal(back, data) {
				t.Fatalf("%q is decoded as %#v, and that encoded as %q (%v)", data, v, back, err)
			}
		}
	})
}

// again decodes data, and what it becomes once more.
func again(t *testing.T, data []byte, into any) {
	t.Helper()
	if codec.JSON.Decode(data, into) != nil {
		return
	}
	first := reflect.ValueOf(into).Elem().Interface()
	if _, ok := first.(point); ok {
		first = into // it writes itself through its pointer
	}
	back, err := codec.JSON.Encode(first)
	if err != nil {
		t.Fatalf("%q is decoded into %T as %#v, which is not encoded: %v", data, into, first, err)
	}
	if len(back) > 8*len(data)+500 {
		t.Fatalf("%d bytes decoded into %T became %d", len(data), into, len(back))
	}
	second := reflect.New(reflect.TypeOf(into).Elem()).Interface()
	if err := codec.JSON.Decode(back, second); err != nil {
		t.Fatalf("%q is decoded into %T and encoded as %q, which is not decoded: %v", data, into, back, err)
	}
	if diff := cmp.Diff(into, second, cmp.AllowUnexported(point{}), cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
		t.Fatalf("%q is decoded into %T, encoded as %q and decoded (-first +second):\n%s", data, into, back, diff)
	}
}
