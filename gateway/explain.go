package gateway

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/siskin-go/siskin"
)

// explain says in words for the caller why data could not be decoded: what the
// JSON package says names Go types.
func explain(data []byte, err error) error {
	var raw json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(data, &raw)); ok {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return invalid("the body is not JSON: it ends too early")
		}
		at := int(syntax.Offset) - 1 // the offset counts the bytes read, the wrong one included
		r, _ := utf8.DecodeRune(data[at:])
		return invalid("the body is not JSON: unexpected %q at %s", r, position(data, at))
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return explainType(data, wrong)
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return invalid("a time in the body is not in the form 2006-01-02T15:04:05Z")
	}
	if _, ok := errors.AsType[*siskin.Error](err); ok {
		return err // an UnmarshalJSON method made it for the caller
	}
	return invalid("a value in the body is not in the form that is wanted")
}

// explainType explains a JSON value of the wrong type.
func explainType(data []byte, wrong *json.UnmarshalTypeError) error {
	path := locate(data, wrong.Offset)
	if !has(path, wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]) {
		path = wrong.Field // an UnmarshalJSON method counts from its own beginning
	}
	where := "the body"
	if path != "" {
		where = fmt.Sprintf("%q", clip(path))
	}
	return invalid("%s must be %s, but is %s", where, wanted(wrong.Type, wrong.Value), got(wrong.Value))
}

// got puts the JSON package's name for a value into words. It may have the
// number behind it.
func got(value string) string {
	kind, number, _ := strings.Cut(value, " ")
	switch {
	case number != "" && len(number) <= 40:
		return number
	case kind == "bool":
		return "true or false"
	case kind == "array" || kind == "object":
		return "an " + kind
	}
	return "a " + kind
}

// wanted puts a Go type into the words of JSON. When a number was given, it
// tells the limits, because those may be what the number breaks.
func wanted(t reflect.Type, value string) string {
	if t.Kind() == reflect.Pointer {
		return wanted(t.Elem(), value)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return "JSON"
	}
	number := strings.HasPrefix(value, "number")
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if most := int64(math.MaxInt64) >> (64 - t.Bits()); number {
			return fmt.Sprintf("a whole number from %d to %d", -most-1, most)
		}
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if most := uint64(math.MaxUint64) >> (64 - t.Bits()); number {
			return fmt.Sprintf("a whole number from 0 to %d", most)
		}
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		if number {
			return fmt.Sprintf("a number that fits into %d bits", t.Bits())
		}
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "an array"
	case reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "of another type"
	}
}

// position is where a byte of data is, as an editor counts.
func position(data []byte, at int) string {
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// clip bounds what a message repeats of the body.
func clip(text string) string {
	const most = 100
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// invalidUTF8 is the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}
