package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin/codec"
)

// Text as NestJS's parser reads it (protocol notes, section 5), when the type
// does not say what it should be.
func TestDecodeJSONIntoAny(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		data []byte
		want any
	}{
		{"no value", nil, nil},
		{"an empty value", []byte{}, ""},
		{"text", []byte("hi"), "hi"},
		{"numbers stay text", []byte("42"), "42"},
		{"true stays text", []byte("true"), "true"},
		{"null stays text", []byte("null"), "null"},
		{"quotes stay", []byte(`"q"`), `"q"`},
		{"an object", []byte(`{"a":[1,"x",null,true]}`), map[string]any{"a": []any{json.Number("1"), "x", nil, true}}},
		{"an array", []byte(`[1.50,2]`), []any{json.Number("1.50"), json.Number("2")}},
		{"a large integer", []byte(`[9007199254740993]`), []any{json.Number("9007199254740993")}},
		{"an empty object", []byte(`{}`), map[string]any{}},
		{"white space behind", []byte("{} \n"), map[string]any{}},
		{"white space first is text", []byte(" {}"), " {}"},
		{"a byte order mark is text", []byte("\ufeff{}"), "\ufeff{}"},
		{"half an object is text", []byte(`{"a":`), `{"a":`},
		{"two objects are text", []byte(`{}{}`), `{}{}`},
		{"something behind is text", []byte(`[1] x`), `[1] x`},
		{"a template is text", []byte(`{name}`), `{name}`},
		{"bytes that start with zero", []byte("\x00\x01"), []byte("\x00\x01")}, // a schema registry's mark
		{"bytes that are no UTF-8", []byte("a\xff"), []byte("a\xff")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := any("something old")
			if err := codec.JSON.Decode(tt.data, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		data string
		into any // a pointer to something old
		want any
	}{
		{"string", "hi", ptr("old"), "hi"},
		{"string from JSON", `{"a":1}`, ptr("old"), `{"a":1}`},
		{"string from a number", "5", ptr("old"), "5"}, // a NestJS server answers 5 with this
		{"string keeps quotes", `"q"`, ptr("old"), `"q"`},
		{"empty string", "", ptr("old"), ""},
		{"named string", "o-1", ptr(id("old")), id("o-1")},
		{"empty named string", "", ptr(id("old")), id("")},
		{"pointer to a string", "hi", ptr(ptr("old")), ptr("hi")},
		{"pointer to an empty string", "", ptr(ptr("old")), ptr("")},
		{"pointer to a named string", "hi", ptr(ptr(id("old"))), ptr(id("hi"))},
		{"string that reads itself", `"level high"`, ptr(level("old")), level("high")},
		{"pointer to one that reads itself", `"level high"`, ptr(ptr(level("old"))), ptr(level("high"))},

		{"number", "5.5", ptr(1.0), 5.5},
		{"integer", "9007199254740993", ptr(int64(1)), int64(9007199254740993)},
		{"named number", "3", ptr(color(1)), color(3)},
		{"pointer to a number", "5", ptr(ptr(1)), ptr(5)},
		{"NaN", "NaN", ptr(5.0), math.NaN()}, // which a NestJS server answers with
		{"infinity", "Infinity", ptr(celsius(5)), celsius(math.Inf(1))},
		{"minus infinity", "-Infinity", ptr(float32(5)), float32(math.Inf(-1))},
		{"pointer to NaN", "NaN", ptr((*float64)(nil)), ptr(math.NaN())},
		{"bool", "true", ptr(false), true},
		{"white space", " 5\n", ptr(1), 5},

		{"numbers", "[1,2.5]", ptr([]float64{9}), []float64{1, 2.5}},
		{"struct", `{"key":"k","value":1,"note":"n"}`, ptr(record{}), record{"k", 1, "n"}},
		{"unknown fields", `{"key":"k","more":1}`, ptr(record{}), record{Key: "k"}},
		{"time", `"2026-02-03T12:00:00Z"`, ptr(noon.AddDate(1, 0, 0)), noon},
		{"methods on the pointer", "[1,2]", ptr(point{}), point{1, 2}},

		{"bytes", "\x00\xff", ptr([]byte("old")), []byte("\x00\xff")},
		{"no bytes", "", ptr([]byte("old")), []byte{}},
		{"raw JSON", " {", ptr(json.RawMessage("old")), json.RawMessage(" {")},
		{"named bytes are JSON", `"aGk="`, ptr(blob("old")), blob("hi")},
		{"nothing takes anything", "x", ptr(struct{}{}), struct{}{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := codec.JSON.Decode([]byte(tt.data), tt.into); err != nil {
				t.Fatal(err)
			}
			got := reflect.ValueOf(tt.into).Elem().Interface()
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(point{}), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// A record without a value gives the zero value, whatever was there before.
func TestDecodeJSONWithoutAValue(t *testing.T) {
	t.Parallel()
	for _, into := range []any{
		ptr("old"), ptr(id("old")), ptr(ptr("old")), ptr(5), ptr(true), ptr([]float64{1}), ptr(map[string]int{"a": 1}),
		ptr(record{Key: "old"}), ptr(&record{Key: "old"}), ptr([]byte("old")), ptr(json.RawMessage("1")), ptr(struct{}{}),
		ptr[any]("old"), ptr(level("old")), ptr(point{1, 2}), ptr(noon),
	} {
		if err := codec.JSON.Decode(nil, into); err != nil {
			t.Errorf("%T: %v", into, err)
		}
		if v := reflect.ValueOf(into).Elem(); !v.IsZero() {
			t.Errorf("%T: decoded %v, want the zero value", into, v)
		}
	}
}

func TestDecodeJSONFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, data string
		into       any
	}{
		{"text for a number", "hi", ptr(5)},
		{"a fraction for an integer", "5.5", ptr(5)},
		{"too large", "300", ptr(int8(5))},
		{"NaN for an integer", "NaN", ptr(5)},
		{"NaN inside", "[NaN]", ptr([]float64{})},
		{"NaN in lower case", "nan", ptr(5.0)},
		{"a short infinity", "Inf", ptr(5.0)},
		{"an array for a struct", "[1]", ptr(record{})},
		{"half an object", `{"key":"k"`, ptr(record{})},
		{"something behind", `5 6`, ptr(5)},
		{"a text for one that reads itself", "high", ptr(level(""))},
		{"what its type refuses", "[1]", ptr(point{})},
		{"a value that is no pointer", "5", 5},
		{"nil", "5", nil},
		{"a nil pointer", "5", (*int)(nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := codec.JSON.Decode([]byte(tt.data), tt.into)
			if err == nil || errors.Is(err, codec.ErrEmpty) || !strings.HasPrefix(err.Error(), "decode JSON into ") || errors.Unwrap(err) == nil {
				t.Errorf("error %v, want one that says into what, and why", err)
			}
		})
	}
	for _, into := range []any{ptr(5), ptr(5.0), ptr(true), ptr(record{}), ptr([]int{}), ptr(map[string]int{}), ptr(level("")), ptr(&record{})} {
		if err := codec.JSON.Decode([]byte{}, into); !errors.Is(err, codec.ErrEmpty) {
			t.Errorf("an empty value into %T gives %v, want %v", into, err, codec.ErrEmpty)
		}
	}
	for _, into := range []any{nil, 5, (*int)(nil), record{}} {
		if err := codec.JSON.Decode(nil, into); err == nil || !strings.Contains(err.Error(), "want a pointer") {
			t.Errorf("no value into %T gives %v, want an error that asks for a pointer", into, err)
		}
	}
}

// The memory of a record is used again.
func TestDecodeSharesNoMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []codec.Codec{codec.JSON, codec.Text} {
		for _, into := range []any{
			ptr(""), ptr([]byte(nil)), ptr[any](nil), ptr(json.RawMessage(nil)), ptr(id("")),
			ptr(struct{ Raw json.RawMessage }{}), ptr(map[string]json.RawMessage{}),
		} {
			data := []byte(`{"Raw":"abc"}`)
			if c.Decode(data, into) != nil {
				continue // not every codec takes every type
			}
			before, _ := json.Marshal(into)
			for i := range data {
				data[i] = 'X'
			}
			if after, err := json.Marshal(into); err != nil || string(after) != string(before) {
				t.Errorf("%s: a %T changed with its record from %s to %s", c.Name(), into, before, after)
			}
		}
	}
}

func TestDecodeNumbersAtTheirLimits(t *testing.T) {
	t.Parallel()
	for _, want := range []float64{math.MaxFloat64, math.SmallestNonzeroFloat64, -0.1, 1e300} {
		data, err := codec.JSON.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		var got float64
		if err := codec.JSON.Decode(data, &got); err != nil || got != want {
			t.Errorf("%v becomes %s, and that %v (%v)", want, data, got, err)
		}
	}
}

// JSON that is as deep as encoding/json reads is read; what is deeper is text, or an
// error where text does not fit.
func TestDeepJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		levels int
		text   bool
	}{{9_999, false}, {10_000, false}, {10_001, true}, {400_000, true}} {
		data := []byte(strings.Repeat("[", tt.levels) + strings.Repeat("]", tt.levels))
		var v any
		if err := codec.JSON.Decode(data, &v); err != nil {
			t.Errorf("%d levels: %v", tt.levels, err)
		}
		if _, text := v.(string); text != tt.text {
			t.Errorf("%d levels become a %T", tt.levels, v)
		}
		if back, err := codec.JSON.Encode(v); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%d levels come back as %d bytes, %v", tt.levels, len(back), err)
		}
		var list []any
		if err := codec.JSON.Decode(data, &list); (err != nil) != tt.text {
			t.Errorf("%d levels as a list: %v", tt.levels, err)
		}
	}
}
