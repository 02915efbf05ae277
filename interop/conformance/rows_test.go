package conformance_test

import (
	"math"
	"math/big"
	"time"
)

const unicode = "Grüße, 你好 🐦 <&> \u2028 \"q\" \\"

func emptyRows() []encoding {
	return []encoding{
		{
			id: "4.null", rule: "null is a record without a value; NestJS's handler gets the whole message for it",
			nest: nestValue{"{ value: null }", "null", none, []reading{
				as[any](nil), as[*order](nil), as(""), as(0.0), as[[]byte](nil), as(struct{}{}), as(order{}), as[[]float64](nil),
			}},
			siskin: from(nil, wholeMessage),
		},
		{
			id: "4.undefined", rule: "undefined is a record without a value",
			nest:   nestValue{"{ value: undefined }", "undefined", none, []reading{as[any](nil), as[*order](nil)}},
			siskin: from((*order)(nil), wholeMessage),
		},
		{
			id: "4.empty-string", rule: "an empty string is a value of length zero",
			nest: nestValue{"''", "", "", []reading{
				as[any](""), as(""), as([]byte{}), not[float64]("empty"), not[order]("empty"),
			}},
			siskin: from("", `""`),
		},
	}
}

func textRows() []encoding {
	return []encoding{
		{
			id: "4.string", rule: "a string is its UTF-8 bytes, without quotes",
			nest:   nestValue{"'text'", "", "text", []reading{as[any]("text"), as("text"), as([]byte("text")), not[float64]("invalid character")}},
			siskin: from("text", `"text"`),
		},
		{
			id: "4.string-unicode", rule: "a string is its UTF-8 bytes, whatever it is made of",
			nest:   nestValue{text(unicode), "", unicode, []reading{as[any](unicode), as(unicode)}},
			siskin: from(unicode, `"Grüße, 你好 🐦 <&> `+"\u2028"+` \"q\" \\"`),
		},
		{
			id: "4.string-quoted", rule: "quotes of a string are a part of it",
			nest:   nestValue{`'"q"'`, "", `"q"`, []reading{as[any](`"q"`), as(`"q"`)}},
			siskin: from(`"q"`, `"\"q\""`),
		},
		{
			id: "4.string-like-json", rule: "a string that looks like JSON is written as it is, and read as an object",
			nest: nestValue{`'{"value":5}'`, "", `{"value":5}`, []reading{
				as[any](map[string]any{"value": jsonNumber("5")}), as(`{"value":5}`), as(order{Value: 5}),
			}},
			siskin: from(`{"value":5}`, `{"value":5}`),
		},
		{
			id: "4.string-like-number", rule: "a string that looks like a number is the same as that number",
			nest:   nestValue{"'007'", "", "007", []reading{as[any]("007"), as("007"), not[float64]("invalid character")}},
			siskin: from("007", `"007"`),
		},
	}
}

func numberRows() []encoding {
	number := func(id, js, bytes string, v float64, more ...reading) encoding {
		return encoding{
			id: "4.number-" + id, rule: "a number is its text: " + bytes,
			nest:   nestValue{js, "", bytes, append([]reading{as(v), as[any](bytes), as(bytes)}, more...)},
			siskin: from(v, text(bytes)),
		}
	}
	minus := number("minus-zero", "-0", "0", 0)
	minus.differs = "the sign of zero is kept"
	minus.siskin = from(math.Copysign(0, -1), `"-0"`).writes("-0")
	nested := encoding{
		id: "4.number-nan-nested", rule: "NaN inside an object is null",
		differs: "a Go value with NaN inside is refused: null would be read as 0",
		nest:    nestValue{"{ a: NaN }", "", `{"a":null}`, []reading{as(map[string]float64{"a": 0}), as[any](map[string]any{"a": nil})}},
	}
	return []encoding{
		number("zero", "0", "0", 0, as(0)),
		number("integer", "-42", "-42", -42, as(-42), as(int64(-42)), not[bool]("cannot unmarshal number")),
		number("fraction", "5.5", "5.5", 5.5, as(float32(5.5)), not[int]("cannot unmarshal number 5.5")),
		number("large", "1e21", "1e+21", 1e21),
		number("not-so-large", "123456789012345680000", "123456789012345680000", 123456789012345680000),
		number("small", "1e-7", "1e-7", 1e-7),
		number("smallest", "5e-324", "5e-324", 5e-324),
		number("largest", "Number.MAX_VALUE", "1.7976931348623157e+308", math.MaxFloat64),
		number("exact", "Number.MAX_SAFE_INTEGER", "9007199254740991", 1<<53-1, as(int64(1<<53-1))),
		minus,
		number("nan", "NaN", "NaN", math.NaN(), not[int]("invalid character"), as(ptr(math.NaN())), as(float32(math.NaN()))),
		number("infinity", "Infinity", "Infinity", math.Inf(1), as(ptr(math.Inf(1)))),
		number("minus-infinity", "-Infinity", "-Infinity", math.Inf(-1)),
		nested,
		{
			id: "4.bigint", rule: "a bigint is its digits",
			nest: nestValue{"12345678901234567890n", "", "12345678901234567890", []reading{
				as[any]("12345678901234567890"), as("12345678901234567890"), not[int64]("cannot unmarshal number"),
			}},
			siskin: from(new(big.Int).SetUint64(12345678901234567890), `"12345678901234567890"`),
		},
		{
			id: "4.true", rule: "true is its text",
			nest:   nestValue{"true", "", "true", []reading{as(true), as[any]("true"), as("true"), not[int]("cannot unmarshal bool")}},
			siskin: from(true, `"true"`),
		},
		{
			id: "4.false", rule: "false is its text",
			nest:   nestValue{"false", "", "false", []reading{as(false), as[any]("false")}},
			siskin: from(false, `"false"`),
		},
	}
}

func objectRows() []encoding {
	return []encoding{
		{
			id: "4.object", rule: "an object is what JSON.stringify makes of it: undefined is left out, null stays",
			nest: nestValue{"{ a: 1, b: undefined, c: null, d: 'ü<&>' }", "", `{"a":1,"c":null,"d":"ü<&>"}`, []reading{
				as[any](map[string]any{"a": jsonNumber("1"), "c": nil, "d": "ü<&>"}), as(`{"a":1,"c":null,"d":"ü<&>"}`),
				as(map[string]any{"a": 1.0, "c": nil, "d": "ü<&>"}), as(order{}),
			}},
			siskin: from(map[string]any{"a": 1, "c": nil, "d": "ü<&>"}, `{"a":1,"c":null,"d":"ü<&>"}`),
		},
		{
			id: "4.object-empty", rule: "an object without properties is {}",
			nest:   nestValue{"{}", "", "{}", []reading{as[any](map[string]any{}), as(order{})}},
			siskin: from(map[string]int(nil), "{}"),
		},
		{
			id: "4.object-without-prototype", rule: "an object without a prototype is JSON too",
			nest: nestValue{"Object.assign(Object.create(null), { a: 1 })", "", `{"a":1}`, []reading{as(map[string]float64{"a": 1})}},
			siskin: from(struct {
				A int `json:"a"`
			}{1}, `{"a":1}`),
		},
		{
			id: "4.object-headers-only", rule: "an object with headers and neither key nor value is no message",
			nest: nestValue{"{ headers: { a: '1' } }", "", `{"headers":{"a":"1"}}`, []reading{
				as(map[string]any{"headers": map[string]any{"a": "1"}}),
			}},
			siskin: from(map[string]any{"headers": map[string]any{"a": "1"}}, `{"headers":{"a":"1"}}`),
		},
		{
			id: "4.object-large-integer", rule: "integers beyond 2^53 lose digits when NestJS reads them",
			differs: "Siskin reads all digits, and writes them",
			nest:    nestValue{"{ n: 9007199254740992 }", "", `{"n":9007199254740992}`, []reading{as(large{9007199254740992})}},
			siskin:  from(large{9007199254740993}, `{"n":9007199254740992}`).writes(`{"n":9007199254740993}`),
		},
		{
			id: "4.array", rule: "an array is JSON",
			nest: nestValue{"[1, 'two', null, undefined, [false]]", "", `[1,"two",null,null,[false]]`, []reading{
				as([]any{1.0, "two", nil, nil, []any{false}}),
				as[any]([]any{jsonNumber("1"), "two", nil, nil, []any{false}}), not[[]float64]("cannot unmarshal string"),
			}},
			siskin: from([]any{1, "two", nil, nil, []any{false}}, `[1,"two",null,null,[false]]`),
		},
		{
			id: "4.array-numbers", rule: "an array of numbers is JSON",
			nest:   nestValue{"[0.1, 1e21, -3]", "", "[0.1,1e+21,-3]", []reading{as([]float64{0.1, 1e21, -3})}},
			siskin: from([]float64{0.1, 1e21, -3}, "[0.1,1e+21,-3]"),
		},
		{
			id: "4.array-empty", rule: "an array without items is []",
			nest:   nestValue{"[]", "", "[]", []reading{as[any]([]any{}), as([]float64{})}},
			siskin: from([]string(nil), "[]"),
		},
		{
			id: "4.field-named-value", rule: "an object with a property key or value is a message: all others are lost",
			differs: "a Go struct with a field named value or key loses nothing",
			nest:    nestValue{"{ value: 5, currency: 'EUR' }", "", "5", []reading{as(5.0), as[any]("5")}},
			siskin:  from(order{"k", 5, "EUR"}, `{"key":"k","value":5,"currency":"EUR"}`).writes(`{"key":"k","value":5,"currency":"EUR"}`),
		},
		{
			id: "4.map", rule: "a Map is {}: its entries are lost", differs: "a Go map is an object with its entries",
			nest:   nestValue{"new Map([['a', 1]])", "", "{}", []reading{as[any](map[string]any{})}},
			siskin: from(map[string]int{"a": 1}, `{"a":1}`).writes(`{"a":1}`),
			old:    &nestValue{bytes: "[object Map]", reads: []reading{as[any]("[object Map]")}},
		},
		{
			id: "4.set", rule: "a Set is {}: its items are lost", differs: "a Go map used as a set is an object with its keys",
			nest:   nestValue{"new Set([1])", "", "{}", []reading{as[any](map[string]any{})}},
			siskin: from(map[int]struct{}{1: {}}, `{"1":{}}`).writes(`{"1":{}}`),
			old:    &nestValue{bytes: "[object Set]", reads: []reading{as[any]("[object Set]")}},
		},
	}
}

func binaryRows() []encoding {
	return []encoding{
		{
			id: "4.buffer", rule: "a Buffer is its bytes; one that begins with zero stays a Buffer",
			nest: nestValue{"Buffer.from([0, 255, 1])", "", "\x00\xff\x01", []reading{
				as([]byte{0, 255, 1}), as[any]([]byte{0, 255, 1}), as("\x00\xff\x01"),
			}},
			siskin: from([]byte{0, 255, 1}, `{"$base64":"AP8B"}`),
		},
		{
			id: "4.buffer-not-zero", rule: "a Buffer that does not begin with zero is read as text by NestJS, which damages it",
			differs: "Siskin reads all bytes as they are",
			nest:    nestValue{"Buffer.from([255, 0])", "", "\xff\x00", []reading{as([]byte{255, 0}), as[any]([]byte{255, 0}), as("\xff\x00")}},
			siskin:  from([]byte{255, 0}, `"�\u0000"`),
		},
		{
			id: "4.buffer-empty", rule: "an empty Buffer is a value of length zero",
			nest:   nestValue{"Buffer.alloc(0)", "", "", []reading{as([]byte{}), as[any]("")}},
			siskin: from([]byte{}, `""`),
		},
		{
			id: "4.buffer-nested", rule: "a Buffer inside an object is JSON of the Buffer",
			differs: "bytes inside a Go value are base64, as encoding/json writes them",
			nest: nestValue{"{ b: Buffer.from('hi') }", "", `{"b":{"type":"Buffer","data":[104,105]}}`, []reading{
				as(map[string]any{"b": map[string]any{"type": "Buffer", "data": []any{104.0, 105.0}}}), not[binary]("cannot unmarshal object"),
			}},
			siskin: from(binary{[]byte("hi")}, `{"b":"aGk="}`).writes(`{"b":"aGk="}`),
		},
		{
			id: "4.uint8array", rule: "a Uint8Array that is no Buffer is its numbers with commas",
			differs: "Go's []byte is always a Buffer",
			nest:    nestValue{"new Uint8Array([1, 2])", "", "1,2", []reading{as("1,2"), as[any]("1,2")}},
			siskin:  from([]byte{1, 2}, `"\u0001\u0002"`).writes("\x01\x02"),
		},
	}
}

// stringer has a method String, which Siskin does not use for the wire.
type stringer struct {
	A int `json:"a"`
}

func (stringer) String() string { return "S!" }

// marshaler writes itself as JSON.
type marshaler struct{}

func (marshaler) MarshalJSON() ([]byte, error) { return []byte(`"json"`), nil }

func classRows() []encoding {
	own := func(id, js, bytes string) encoding {
		return encoding{
			id: "4." + id, rule: "what has a toString of its own is that text",
			nest: nestValue{js, "", bytes, []reading{as(bytes), as[any](bytes)}},
		}
	}
	toString := own("class-to-string", "new (class { toString() { return 'S!' } })()", "S!")
	toString.differs = "a Go type with a String method is JSON"
	toString.siskin = from(stringer{1}, `{"a":1}`).writes(`{"a":1}`)
	return []encoding{
		{
			id: "4.date", rule: "a Date is its toString, which is not ISO", differs: "a Go time is a JSON string by RFC 3339",
			nest: nestValue{"new Date(0)", "", "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)", []reading{
				as("Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"), not[time.Time]("invalid character"),
			}},
			siskin: from(time.Unix(0, 0).UTC(), `"\"1970-01-01T00:00:00Z\""`).writes(`"1970-01-01T00:00:00Z"`),
		},
		{
			id: "4.date-nested", rule: "a Date inside an object is ISO with milliseconds",
			differs: "a Go time has as many digits as it needs; both read both",
			nest:    nestValue{"{ d: new Date(0) }", "", `{"d":"1970-01-01T00:00:00.000Z"}`, []reading{as(dated{time.Unix(0, 0).UTC()})}},
			siskin:  from(dated{time.Unix(0, 0).UTC()}, `{"d":"1970-01-01T00:00:00Z"}`).writes(`{"d":"1970-01-01T00:00:00Z"}`),
		},
		{
			id: "4.class", rule: "an instance of a class is JSON; NestJS 10 writes [object Object]",
			nest:   nestValue{"new (class A { constructor() { this.a = 1 } })()", "", `{"a":1}`, []reading{as(map[string]float64{"a": 1})}},
			old:    &nestValue{bytes: "[object Object]", reads: []reading{as("[object Object]"), as[any]("[object Object]")}},
			siskin: from(&stringer{1}, `{"a":1}`),
		},
		{
			id: "4.class-to-json", rule: "an instance whose class has toJSON is the JSON of that",
			nest:   nestValue{"new (class { toJSON() { return 'json' } })()", "", `"json"`, []reading{as(`"json"`), as[any](`"json"`)}},
			old:    &nestValue{bytes: "[object Object]", reads: []reading{as("[object Object]")}},
			siskin: from(marshaler{}, `"\"json\""`),
		},
		toString,
		own("error", "new Error('boom')", "Error: boom"),
		own("regexp", "/x/g", "/x/g"),
		own("url", "new URL('http://a.b/c')", "http://a.b/c"),
		own("symbol", "Symbol('s')", "Symbol(s)"),
		own("function", "(a) => a", "(a) => a"),
	}
}
