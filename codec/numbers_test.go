package codec_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/codec"
)

var numberTexts = []string{
	"", "0", "-0", "6", "-17", "00", "01", "-", "+1", "1.", ".5", "1.5", "-1.5e3", "1E+2", "1e", "1e+", "1e999", "-1e999",
	"0x10", "1_0", "Inf", "NaN", "null", " 6", "6 ", "6,", "6x", "9007199254740993", "123456789012345678901234567890",
	"[]", "[ ]", "[1]", "[1,2,3]", "[1, 2]", "[1,]", "[,1]", "[1,,2]", "[1]]", "[[1]]", "[1", "1]", "[", "]", "[1;2]",
	"[null]", "[1,null]", `["1"]`, "[1e999]", "[-]", "[1,2]x", "[0.1,1e-7,1e21]", "[1] ", "true", "{}", `"6"`,
	"[" + strings.Repeat("1.25,", 100) + "0]",
}

// nonJSON are the only texts that mean a number here and nothing to encoding/json.
// TestDecodeJSON and TestEncodeJSON say what they mean.
var nonJSON = []string{"NaN", "Infinity", "-Infinity"}

// Decoding of numbers must not differ from encoding/json, neither in values nor in
// errors.
func FuzzNumbers(f *testing.F) {
	for _, text := range numberTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return // the codec has an error of its own
		}
		sameDecoding[[]float64](t, data, nil)
		sameDecoding(t, data, []float64{})
		sameDecoding(t, data, []float64{7, 8, 9, 10}[:2])
		sameDecoding(t, data, 7)
		if !slices.Contains(nonJSON, string(data)) {
			sameDecoding[float64](t, data, 7)
			sameDecoding[*float64](t, data, nil)
		}
	})
}

// sameDecoding compares what both make of data, starting with the value before.
func sameDecoding[T any](t *testing.T, data []byte, before T) {
	t.Helper()
	var want, got T
	fill(t, &want, before)
	fill(t, &got, before)
	wantErr := json.Unmarshal(data, &want)
	gotErr := codec.JSON.Decode(data, &got)
	if wantErr != nil {
		wantErr = fmt.Errorf("decode JSON into %T: %w", &got, wantErr)
	}
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Errorf("decode %q into %T: %v, want %v", data, got, gotErr, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decode %q into %T (-want +got):\n%s", data, got, diff)
	}
}

// fill copies a value, with a memory of its own.
func fill[T any](t *testing.T, into *T, from T) {
	t.Helper()
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// So must encoding.
func FuzzEncodeNumbers(f *testing.F) {
	for _, v := range []float64{
		0, math.Copysign(0, -1), 6, -1.5, 0.1, 1e-6, 9.99e-7, -1e-6, -9.99e-7, 1e20, 1e21, -1e21, 5e-324, math.MaxFloat64,
		math.Inf(1), math.Inf(-1), math.NaN(), 123456789.125, 1 << 53, 1<<53 - 1, 1 - 1<<53, 9007199254740990, 1e15, 1e18, 1 << 63,
	} {
		f.Add(math.Float64bits(v), math.Float64bits(1), 2)
	}
	f.Fuzz(func(t *testing.T, a, b uint64, n int) {
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if _, err := json.Marshal(x); err == nil {
			sameEncoding(t, x)
		} else if text, err := codec.JSON.Encode(x); err != nil || !slices.Contains(nonJSON, string(text)) {
			t.Errorf("encode %v: %q, %v; want one of %q", x, text, err, nonJSON)
		}
		sameEncoding(t, []float64{x, y, float64(n), float64(int64(a >> 11)), -float64(b >> 12)})
		sameEncoding(t, []float64{})
		sameEncoding(t, n)
		sameEncoding(t, int64(a))
		sameEncoding(t, n%2 == 0)
	})
}

func sameEncoding(t *testing.T, v any) {
	t.Helper()
	want, wantErr := json.Marshal(v)
	got, err := codec.JSON.Encode(v)
	if wantErr != nil {
		wantErr = fmt.Errorf("encode %T as JSON: %w", v, wantErr)
	}
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || string(got) != string(want) {
		t.Errorf("encode %v: %q, %v; want %q, %v", v, got, err, want, wantErr)
	}
}
