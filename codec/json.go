package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"
)

// JSON is the default codec. Its bytes are those of NestJS's serializer
// (protocol notes for NestJS, sections 4 and 5):
//
//   - a string (or a type whose kind is string and that has no MarshalJSON) is
//     its UTF-8 bytes, without quotes;
//   - []byte and json.RawMessage are their bytes;
//   - a nil pointer, a nil interface and struct{} are a record without a value;
//   - a nil slice is [] and a nil map is {}: NestJS would hand a whole message
//     object to its handler for a record without a value;
//   - everything else is JSON, with <, > and & unescaped as JSON.stringify
//     leaves them.
//
// Decoding into a value of type any follows NestJS's parser: text that starts
// with '{' or '[' and is JSON becomes what it says, with numbers as
// json.Number so that large ones stay exact; all other text becomes a string.
// A record without a value gives the zero value of every type.
//
// A float that is NaN or infinite is no JSON. As a whole value it is NaN,
// Infinity or -Infinity both ways, as NestJS writes it. Inside another value it
// is refused: JSON.stringify would make it null, which Go would read as 0.
var JSON Codec = jsonCodec{}

// ErrEmpty says that a value of length zero was met where text is needed.
var ErrEmpty = errors.New("the value is empty")

type jsonCodec struct{}

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case nil, struct{}:
		return nil, nil
	case string:
		return append(make([]byte, 0, len(v)), v...), nil
	case []byte:
		return cloned(v), nil
	case json.RawMessage:
		return cloned(v), nil
	case json.Marshaler:
		if isNilPointer(v) {
			return nil, nil
		}
		return marshal(v)
	case []float64:
		if v != nil {
			return encodeNumbers(value) // v would be one more allocation
		}
	case float64, int, int64, bool:
		return encodeNumbers(value)
	}
	return encodeByKind(reflect.ValueOf(value), value)
}

func encodeByKind(rv reflect.Value, v any) ([]byte, error) {
	switch rv.Kind() {
	case reflect.String:
		return []byte(rv.String()), nil
	case reflect.Float32, reflect.Float64:
		if data, ok := encodeNonJSON(rv.Float()); ok {
			return data, nil
		}
	case reflect.Pointer:
		if rv.IsNil() {
			return nil, nil
		}
		return jsonCodec{}.Encode(rv.Elem().Interface())
	case reflect.Slice:
		if rv.IsNil() {
			return []byte("[]"), nil
		}
	case reflect.Map:
		if rv.IsNil() {
			return []byte("{}"), nil
		}
	}
	return marshal(v)
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T as JSON: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func isNilPointer(v any) bool {
	rv := reflect.ValueOf(v)
	return rv.Kind() == reflect.Pointer && rv.IsNil()
}

func cloned(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (jsonCodec) Decode(data []byte, into any) error {
	switch p := into.(type) {
	case *string:
		*p = string(data)
		return nil
	case *[]byte:
		*p = cloned(data)
		return nil
	case *json.RawMessage:
		*p = cloned(data)
		return nil
	case *struct{}:
		return nil
	case *any:
		*p = decodeAny(data)
		return nil
	}
	if data == nil {
		return zero(into)
	}
	if decodeNumbers(data, into) {
		return nil
	}
	return decodeTyped(data, into)
}

func decodeTyped(data []byte, into any) error {
	if p, ok := plain(into, isString); ok {
		p.SetString(string(data))
		return nil
	}
	if len(data) == 0 {
		return fmt.Errorf("decode JSON into %T: %w", into, ErrEmpty)
	}
	if err := json.Unmarshal(data, into); err != nil {
		if decodeNonJSON(data, into) {
			return nil
		}
		return fmt.Errorf("decode JSON into %T: %w", into, err)
	}
	return nil
}

// plain finds the value of a kind behind a pointer to it, or behind a pointer to
// a pointer to it, unless its type reads JSON itself.
func plain(into any, is func(reflect.Kind) bool) (reflect.Value, bool) {
	if _, ok := into.(json.Unmarshaler); ok {
		return reflect.Value{}, false
	}
	rv := reflect.ValueOf(into)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return reflect.Value{}, false
	}
	elem := rv.Elem()
	if elem.Kind() == reflect.Pointer && is(elem.Type().Elem().Kind()) {
		if _, ok := elem.Interface().(json.Unmarshaler); ok {
			return reflect.Value{}, false
		}
		elem.Set(reflect.New(elem.Type().Elem()))
		elem = elem.Elem()
	}
	return elem, is(elem.Kind())
}

func isString(kind reflect.Kind) bool { return kind == reflect.String }

func zero(into any) error {
	rv := reflect.ValueOf(into)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("decode into %T: want a pointer that is not nil", into)
	}
	rv.Elem().SetZero()
	return nil
}

func decodeAny(data []byte) any {
	if data == nil {
		return nil
	}
	if len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil && atEnd(dec) {
			return v
		}
	}
	if utf8.Valid(data) && (len(data) == 0 || data[0] != 0) {
		return string(data)
	}
	return cloned(data)
}

// atEnd reports whether nothing but white space is left.
func atEnd(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}
