package codec_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/codec"
)

// The bytes of NestJS's serializer (protocol notes, section 4), for the Go types
// that stand for its rows.
func TestEncodeJSON(t *testing.T) {
	t.Parallel()
	const tombstone = "\x00null" // a record without a value
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"nil", nil, tombstone},
		{"nil pointer", (*record)(nil), tombstone},
		{"nil pointer to a string", (*string)(nil), tombstone},
		{"nil pointer with methods", (*point)(nil), tombstone},
		{"nothing", struct{}{}, tombstone},
		{"pointer to nothing", &struct{}{}, tombstone},
		{"pointer to a nil pointer", ptr[*string](nil), tombstone},

		{"empty string", "", ""},
		{"string", "hi", "hi"},
		{"string that looks like JSON", `{"a":1}`, `{"a":1}`},
		{"string with quotes", `say "hi"`, `say "hi"`},
		{"string that is no UTF-8", "a\xff", "a\xff"},
		{"named string", id("o-1"), "o-1"},
		{"empty named string", id(""), ""},
		{"pointer to a string", ptr("hi"), "hi"},
		{"pointer to an empty string", ptr(""), ""},
		{"pointer to a named string", ptr(id("o-1")), "o-1"},
		{"interface with a string", ptr[any]("hi"), "hi"},
		{"string that writes itself", level("high"), `"level high"`},
		{"a number kept as text", json.Number("9007199254740993"), "9007199254740993"},

		{"zero", 0, "0"},
		{"number", 5.5, "5.5"},
		{"large integer", int64(9007199254740993), "9007199254740993"},
		{"unsigned", uint64(math.MaxUint64), "18446744073709551615"},
		{"named number", color(3), "3"},
		{"small float", 1e-7, "1e-7"},
		{"large float", 1e21, "1e+21"},
		{"whole float", 3.0, "3"},
		{"float32", float32(0.1), "0.1"},
		{"NaN", math.NaN(), "NaN"},
		{"infinity", math.Inf(1), "Infinity"},
		{"minus infinity", math.Inf(-1), "-Infinity"},
		{"NaN of 32 bits", float32(math.NaN()), "NaN"},
		{"named infinity", celsius(math.Inf(1)), "Infinity"},
		{"pointer to NaN", ptr(math.NaN()), "NaN"},
		{"true", true, "true"},
		{"false", false, "false"},
		{"pointer to a number", ptr(5), "5"},

		{"object", map[string]any{"b": 1, "a": nil}, `{"a":null,"b":1}`},
		{"array", []any{1, "a", nil}, `[1,"a",null]`},
		{"numbers", []float64{1, 2.5}, `[1,2.5]`},
		{"nil numbers", []float64(nil), `[]`},
		{"no numbers", []float64{}, `[]`},
		{"nil slice", []string(nil), `[]`},
		{"nil map", map[string]int(nil), `{}`},
		{"pointer to a nil slice", ptr([]string(nil)), `[]`},
		{"fixed array", [2]int{1, 2}, `[1,2]`},
		{"struct", record{"k", 1, "n"}, `{"key":"k","value":1,"note":"n"}`}, // NestJS would send 1 only
		{"pointer to a struct", &record{"k", 1, "n"}, `{"key":"k","value":1,"note":"n"}`},
		{"struct without fields", empty{}, `{}`},
		{"nil slice in a struct", order{}, `{"id":"","lines":null,"total":0,"count":0,"paid":false,"comment":null}`},
		{"HTML", map[string]string{"a": "<b> & </b>"}, `{"a":"<b> & </b>"}`},
		{"HTML in something that writes itself", []level{"<&>"}, `["level <&>"]`},
		{"no UTF-8 inside", []string{"a\xff"}, `["a\ufffd"]`},
		{"time", noon, `"2026-02-03T12:00:00Z"`},
		{"methods on the pointer", &point{1, 2}, `[1,2]`},

		{"bytes", []byte{0, 0xff}, "\x00\xff"},
		{"no bytes", []byte{}, ""},
		{"nil bytes", []byte(nil), tombstone},
		{"raw JSON", json.RawMessage(`{ "a": "<b>" }`), `{ "a": "<b>" }`},
		{"nil raw JSON", json.RawMessage(nil), tombstone},
		{"pointer to bytes", ptr([]byte("hi")), "hi"},
		{"pointer to raw JSON", ptr(json.RawMessage(`1`)), "1"},
		{"named bytes are JSON", blob("hi"), `"aGk="`},
		{"bytes inside JSON", map[string][]byte{"b": []byte("hi")}, `{"b":"aGk="}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.JSON.Encode(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if null := got == nil; null != (tt.want == tombstone) || !null && string(got) != tt.want {
				t.Errorf("encoded as %q (null: %v), want %q", got, null, tt.want)
			}
		})
	}
}

func TestEncodeJSONFails(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"[]float64": []float64{math.Inf(1)}, "map[string]float64": map[string]float64{"a": math.NaN()}, "chan int": make(chan int),
		"map[string]interface {}": map[string]any{"f": func() {}}, "codec_test.broken": broken{},
		"complex128": 1i,
	} {
		data, err := codec.JSON.Encode(value)
		if err == nil || data != nil {
			t.Errorf("a %s is encoded as %q, error %v; want an error", name, data, err)
			continue
		}
		if !strings.Contains(err.Error(), "encode "+name+" as JSON") || errors.Unwrap(err) == nil {
			t.Errorf("error %q does not name the type %s, or wraps nothing", err, name)
		}
	}
}

// The codec gives its result away, so it must not be the caller's own memory.
func TestEncodeSharesNoMemory(t *testing.T) {
	t.Parallel()
	for _, value := range []any{[]byte("hi"), json.RawMessage("12"), ptr([]byte("hi"))} {
		for _, c := range []codec.Codec{codec.JSON, codec.Text} {
			first, err := c.Encode(value)
			if err != nil {
				continue // not every codec takes every type
			}
			first[0] = 'X'
			if second, _ := c.Encode(value); second[0] == 'X' {
				t.Errorf("%s: what was encoded of a %T is the value itself", c.Name(), value)
			}
		}
	}
}
