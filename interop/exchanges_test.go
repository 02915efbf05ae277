package interop_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin"
)

// exchange is one pattern that a Siskin service handles, a request that a
// NestJS client sends there, and what the callbacks of that client get.
type exchange struct {
	name    string // and the pattern, behind "go."
	handler func(r siskin.Registrar, pattern string)
	request any
	values  []string // JSON
	err     string   // JSON; empty when the call completes
}

const internalError = `{"status":"error","message":"Internal server error","code":"internal"}`

// exchanges end without help. A reply that is no object or list reaches a
// NestJS client as text.
var exchanges = []exchange{
	{"number", replies(42.5), "x", list(`"42.5"`), ""},
	{"string", replies(unicode), "x", list(quoted(unicode)), ""},
	{"empty-string", replies(""), "x", list(`""`), ""},
	{"bool", replies(true), "x", list(`"true"`), ""},
	{
		"object", replies(map[string]any{"a": 1, "b": []any{nil, unicode}}), "x",
		list(`{"a":1,"b":[null,` + quoted(unicode) + `]}`), "",
	},
	{
		"value-and-key", replies(order{"k", 5, "EUR"}), "x",
		list(`{"key":"k","value":5,"currency":"EUR"}`), "",
	},
	{"array", replies([]any{1, "two", nil}), "x", list(`[1,"two",null]`), ""},
	{"nil-list", replies([]int(nil)), "x", list(`[]`), ""},
	{"nil", replies[*order](nil), "x", list(`null`), ""},
	{"void", replies(struct{}{}), "x", list(`null`), ""},

	{"sum", handles(sum), []float64{1, 2.5}, list(`"3.5"`), ""},
	{"double", handles(func(x float64) (float64, error) { return 2 * x, nil }), 21, list(`"42"`), ""},
	{
		"greet", handles(func(s string) (string, error) { return "Hello " + s, nil }), unicode,
		list(quoted("Hello " + unicode)), "",
	},
	{"not", handles(func(b bool) (bool, error) { return !b, nil }), true, list(`"false"`), ""},
	{
		"currency", handles(func(o struct{ Currency string }) (string, error) { return o.Currency, nil }),
		map[string]string{"currency": "€"},
		list(`"€"`), "",
	},
	{
		"any", handles(func(v any) (string, error) { return fmt.Sprintf("%T %v", v, v), nil }),
		map[string]any{"a": "b"},
		list(`"map[string]interface {} map[a:b]"`), "",
	},
	{
		"nothing", handles(func(o *order) (bool, error) { return o == nil, nil }),
		map[string]any{"value": nil},
		list(`"true"`), "",
	},

	{"stream", streams(nil, 1, 2, 3), "x", list(`"1"`, `"2"`, `"3"`), ""},
	{"stream-one", streams(nil, 1), "x", list(`"1"`), ""},
	// NestJS cannot tell the mark of the end from a value that is null.
	{"stream-empty", streams(nil), "x", list(`null`), ""},
	{
		"stream-fails", streams(siskin.Errorf(siskin.CodeConflict, "after two"), 1, 2), "x",
		list(`"1"`, `"2"`), `{"status":"error","message":"after two","code":"conflict"}`,
	},

	{
		"authored", fails(siskin.Errorf(siskin.CodeConflict, "seat %d is taken", 4).WithDetails(map[string]int{"seat": 4})),
		"x", nil, `{"status":"error","message":"seat 4 is taken","code":"conflict","details":{"seat":4}}`,
	},
	{
		"wrapped", fails(fmt.Errorf("local text: %w", siskin.Errorf(siskin.CodeNotFound, "no “seat” <4>"))),
		"x", nil, `{"status":"error","message":"no “seat” <4>","code":"not_found"}`,
	},
	{"unauthored", fails(errors.New("password=hunter2")), "x", nil, internalError},
	{"panics", handles(func(any) (any, error) { panic("password=hunter2") }), "x", nil, internalError},
	{
		"invalid", handles(sum), "no list",
		nil, `{"status":"error","message":"the request cannot be decoded","code":"invalid"}`,
	},
	{
		"refused", handles(func(limit) (any, error) { return nil, nil }), 11,
		nil, `{"status":"error","message":"at most 10","code":"invalid"}`,
	},
}

// limit is a request that checks itself.
type limit int

func (l limit) Validate() error {
	if l > 10 {
		return errors.New("at most 10")
	}
	return nil
}

func list(values ...string) []string { return values }

// quoted is s as JSON.stringify writes it.
func quoted(s string) string {
	var b []byte
	for _, r := range s {
		if r == '"' || r == '\\' {
			b = append(b, '\\')
		}
		b = append(b, string(r)...)
	}
	return `"` + string(b) + `"`
}

func sum(xs []float64) (total float64, err error) {
	for _, x := range xs {
		total += x
	}
	return total, nil
}

func handles[Req, Res any](fn func(Req) (Res, error)) func(siskin.Registrar, string) {
	return func(r siskin.Registrar, pattern string) {
		siskin.Handle(r, pattern, func(_ context.Context, req Req) (Res, error) { return fn(req) })
	}
}

func replies[Res any](v Res) func(siskin.Registrar, string) {
	return handles(func(any) (Res, error) { return v, nil })
}

func fails(err error) func(siskin.Registrar, string) {
	return handles(func(any) (any, error) { return nil, err })
}

// streams sends the values and ends with err.
func streams(err error, values ...int) func(siskin.Registrar, string) {
	return func(r siskin.Registrar, pattern string) {
		siskin.HandleStream(r, pattern, func(_ context.Context, _ any, send func(int) error) error {
			for _, v := range values {
				if err := send(v); err != nil {
					return err
				}
			}
			return err
		})
	}
}
