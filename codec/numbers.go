package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// Numbers and slices of them are what many small calls carry, and encoding/json
// needs more time for them than everything else of a call. What follows knows
// their usual shape only, and leaves all other text and all errors to
// encoding/json. FuzzNumbers checks that both say the same, but for the floats
// that are no JSON; those are at the end of this file.

// encodeNumbers is for values that hold no text: there is nothing to escape.
func encodeNumbers(v any) ([]byte, error) {
	const room = 24 // for one number
	switch v := v.(type) {
	case float64:
		if usual(v) {
			return appendFloat(make([]byte, 0, room), v), nil
		}
		if data, ok := encodeNonJSON(v); ok {
			return data, nil
		}
	case []float64:
		if data, ok := appendFloats(make([]byte, 0, room+8*len(v)), v); ok {
			return data, nil
		}
	case int:
		return strconv.AppendInt(make([]byte, 0, room), int64(v), 10), nil
	case int64:
		return strconv.AppendInt(make([]byte, 0, room), v, 10), nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T as JSON: %w", v, err)
	}
	return data, nil
}

// usual reports whether f is written without an exponent. NaN and the infinities
// are not.
func usual(f float64) bool {
	return f == 0 || f >= 1e-6 && f < 1e21 || f <= -1e-6 && f > -1e21
}

// appendFloat writes a usual f. A whole number that is exact as a float is the
// same text as an integer, which is written in a fraction of the time.
func appendFloat(data []byte, f float64) []byte {
	const exact = 1 << 53
	if n := int64(f); float64(n) == f && n != 0 && -exact < n && n < exact { // 0 may be -0
		return strconv.AppendInt(data, n, 10)
	}
	return strconv.AppendFloat(data, f, 'f', -1, 64)
}

func appendFloats(data []byte, all []float64) ([]byte, bool) {
	data = append(data, '[')
	for i, f := range all {
		if !usual(f) {
			return nil, false
		}
		if i > 0 {
			data = append(data, ',')
		}
		data = appendFloat(data, f)
	}
	return append(data, ']'), true
}

// decodeNumbers reports whether it has filled into. It fills all of it or nothing.
func decodeNumbers(data []byte, into any) bool {
	switch p := into.(type) {
	case *float64:
		f, rest, ok := readFloat(data)
		if ok = ok && len(rest) == 0 && p != nil; ok {
			*p = f
		}
		return ok
	case *[]float64:
		if p == nil || *p != nil { // encoding/json writes into what is there
			return false
		}
		all, ok := readFloats(data)
		if ok {
			*p = all
		}
		return ok
	}
	return false
}

func readFloats(data []byte) ([]float64, bool) {
	if len(data) < 2 || data[0] != '[' || data[len(data)-1] != ']' {
		return nil, false
	}
	data = data[1 : len(data)-1]
	all := make([]float64, 0, min(1+len(data)/2, 8))
	for more := len(data) > 0; more; {
		f, rest, ok := readFloat(data)
		if more = ok && len(rest) > 0; !ok || more && rest[0] != ',' {
			return nil, false
		}
		if all = append(all, f); more {
			data = rest[1:]
		}
	}
	return all, true
}

// readFloat reads the number at the start of data.
func readFloat(data []byte) (f float64, rest []byte, ok bool) {
	n := numberLen(data)
	if n == 0 {
		return 0, nil, false
	}
	f, err := strconv.ParseFloat(string(data[:n]), 64)
	return f, data[n:], err == nil
}

// numberLen is how long the number at the start of data is by JSON's grammar,
// which is stricter than strconv's. It is zero when there is none.
func numberLen(data []byte) int {
	i := 0
	if i < len(data) && data[i] == '-' {
		i++
	}
	whole := digits(data[i:])
	if whole == 0 || whole > 1 && data[i] == '0' {
		return 0
	}
	i += whole
	if i < len(data) && data[i] == '.' {
		n := digits(data[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		n := digits(data[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

func digits(data []byte) int {
	n := 0
	for n < len(data) && '0' <= data[n] && data[n] <= '9' {
		n++
	}
	return n
}

// NestJS writes a number by its toString, so a float that is no JSON has a text
// too, as long as it is the whole value (protocol notes, section 4).
const (
	nan           = "NaN"
	infinity      = "Infinity"
	minusInfinity = "-Infinity"
)

// encodeNonJSON returns the text of a float that encoding/json refuses.
func encodeNonJSON(f float64) ([]byte, bool) {
	switch {
	case math.IsNaN(f):
		return []byte(nan), true
	case math.IsInf(f, 1):
		return []byte(infinity), true
	case math.IsInf(f, -1):
		return []byte(minusInfinity), true
	}
	return nil, false
}

// decodeNonJSON reports whether data is such a text and into, or what it points
// to, is a float, which it fills.
func decodeNonJSON(data []byte, into any) bool {
	f, ok := nonJSON(data)
	if !ok {
		return false
	}
	v, ok := plain(into, isFloat)
	if ok {
		v.SetFloat(f)
	}
	return ok
}

func nonJSON(data []byte) (float64, bool) {
	switch string(data) {
	case nan:
		return math.NaN(), true
	case infinity:
		return math.Inf(1), true
	case minusInfinity:
		return math.Inf(-1), true
	}
	return 0, false
}

func isFloat(kind reflect.Kind) bool { return kind == reflect.Float32 || kind == reflect.Float64 }
