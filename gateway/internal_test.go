package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAccepted(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]*form{
		"":                                        ndjson,
		"*/*":                                     ndjson,
		"application/x-ndjson":                    ndjson,
		"application/*":                           ndjson,
		"text/event-stream":                       sse,
		"TEXT/Event-Stream; charset=utf-8":        sse,
		"text/*":                                  sse,
		"text/event-stream, */*":                  sse,
		"*/*, text/*;q=0.9":                       ndjson,
		"application/json, text/plain, */*":       ndjson,
		"application/x-ndjson;q=0.5, text/*":      sse,
		"text/event-stream;q=0.3, */*;q=0.2":      sse,
		"text/event-stream;q=0, */*":              ndjson,
		"application/x-ndjson;q=0, */*;q=0.1":     sse,
		"application/x-ndjson,text/event-stream":  ndjson,
		"application/json":                        nil,
		"*/*;q=0":                                 nil,
		"text/html, text/event-stream;q=0":        nil,
		"text/event-stream;q=x":                   ndjson, // not understood: as without the header
		"text/event-stream;q=2, application/json": nil,
		"nonsense":                                ndjson,
	} {
		if got := accepted([]string{accept}); got != want {
			t.Errorf("%q: got %v, want %v", accept, got, want)
		}
	}
	if got := accepted([]string{"text/html", "text/event-stream"}); got != sse {
		t.Errorf("two headers: got %v", got)
	}
	if got := accepted(nil); got != ndjson {
		t.Errorf("no header: got %v", got)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, test := range []struct {
		name            string
		parents, states []string
		want            int
	}{
		{"none", nil, []string{"a=1"}, 0},
		{"parent", []string{parent}, nil, 1},
		{"both", []string{parent}, []string{"a=1", "b=2"}, 2},
		{"two parents", []string{parent, parent}, nil, 0},
		{"long state", []string{parent}, []string{strings.Repeat("x", 513)}, 1},
		{"later version", []string{"01" + parent[2:] + "-more"}, nil, 1},
		{"no version", []string{"ff" + parent[2:]}, nil, 0},
		{"version 00 with more", []string{parent + "-more"}, nil, 0},
		{"later version without a dash", []string{"01" + parent[2:] + "more"}, nil, 0},
		{"capitals", []string{strings.ToUpper(parent)}, nil, 0},
		{"zero trace", []string{"00-00000000000000000000000000000000-b7ad6b7169203331-01"}, nil, 0},
		{"zero span", []string{"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"}, nil, 0},
		{"short", []string{parent[:54]}, nil, 0},
		{"long", []string{"01" + parent[2:] + "-" + strings.Repeat("x", 500)}, nil, 0},
	} {
		h := http.Header{"Traceparent": test.parents, "Tracestate": test.states}
		if got := trace(h); len(got) != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

// everything has a field of each kind that JSON can miss.
type everything struct {
	Int   int                               `json:"int"`
	Small int8                              `json:"small"`
	Float float32                           `json:"float"`
	Bool  bool                              `json:"bool"`
	Bytes []byte                            `json:"bytes"`
	Pair  [2]string                         `json:"pair"`
	Map   map[string]int                    `json:"map"`
	At    time.Time                         `json:"at"`
	Host  netip.Addr                        `json:"host"`
	Big   *big.Int                          `json:"big"`
	Inner struct{ X *int }                  `json:"inner"`
	Deep  [][]struct{ A map[string][]bool } `json:"deep"`
	Own   picky                             `json:"own"`
	Iface fmt.Stringer                      `json:"iface"`
	base
}

type base struct {
	Base string `json:"base"`
}

// picky reads itself, and counts from its own beginning.
type picky struct{ v struct{ N int } }

func (p *picky) UnmarshalJSON(b []byte) error {
	if string(b) == `"no"` {
		return siskin.Errorf(siskin.CodeDenied, "no means no")
	}
	return json.Unmarshal(b, &p.v)
}

func TestDecodeExplains(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"int":1.5}`:    `"int" must be a whole number from -9223372036854775808 to 9223372036854775807, but is 1.5`,
		`{"INT":true}`:   `"INT" must be a whole number, but is true or false`,
		`{"small":-129}`: `"small" must be a whole number from -128 to 127, but is -129`,
		`{"float":1e99}`: `"float" must be a number that fits into 32 bits, but is 1e99`,
		`{"int":1` + strings.Repeat("0", 50) + `}`: `"int" must be a whole number from -9223372036854775808 to 9223372036854775807, but is a number`,
		`{"bool":"x"}`:            `"bool" must be true or false, but is a string`,
		`{"bytes":[{}]}`:          `"bytes[0]" must be a whole number, but is an object`,
		`{"bytes":1}`:             `"bytes" must be a string in base64, but is a number`,
		`{"pair":{}}`:             `"pair" must be an array, but is an object`,
		`{"map":{"a":1,"b":"x"}}`: `"map.b" must be a whole number, but is a string`,
		`{"map":[]}`:              `"map" must be an object, but is an array`,
		`{"at":"today"}`:          `a time in the body is not in the form 2006-01-02T15:04:05Z`,
		`{"at":1}`:                `a value in the body is not in the form that is wanted`,
		`{"host":[]}`:             `"host" must be a string, but is an array`,
		`{"host":"x"}`:            `a value in the body is not in the form that is wanted`,
		`{"inner":{"X":"1"}}`:     `"inner.X" must be a whole number, but is a string`,
		`{"deep":[[],[{},{"A":{"k":[true,0]}}]]}`:         `"deep[1][1].A.k[1]" must be true or false, but is a number`,
		`{"own":{"N":"x"}}`:                               `"own.N" must be a whole number, but is a string`,
		`{"own":"no"}`:                                    `denied: no means no`,
		`{"iface":1}`:                                     `"iface" must be of another type, but is a number`,
		`{"base":1}`:                                      `"base" must be a string, but is a number`,
		`{"` + strings.Repeat("k", 200) + `":1} x`:        `the body must be one JSON value, but goes on at line 1, column 208`,
		`{"map":{"` + strings.Repeat("k", 200) + `":""}}`: `"map.` + strings.Repeat("k", 96) + `…" must be a whole number, but is a string`,
		"\uFEFF{}":                                        `the body is not JSON: unexpected '\ufeff' at line 1, column 1`,
		"{\"base\":\"\n\"}":                               `the body is not JSON: unexpected '\n' at line 1, column 10`,
		`tru`:                                             `the body is not JSON: it ends too early`,
		`null`:                                            `the body is null, but must be an object`,
		``:                                                `the body is empty, but must be an object`,
		`{"int":null, "own":{}}`:                          ``,
		` {} `:                                            ``,
	} {
		got := ""
		if err := decode([]byte(body), &everything{}); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", body, diff)
		}
	}
}

func TestDecodeNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", " null\n"} {
		var pointer *everything
		var value any
		for _, into := range []any{&pointer, &value, &struct{}{}} {
			if err := decode([]byte(body), into); err != nil {
				t.Errorf("%q into %T: %v", body, into, err)
			}
		}
		var list []int
		var dict map[string]int
		for _, into := range []any{&list, &dict, new(string), new(int), new(bool)} {
			if err := decode([]byte(body), into); err == nil {
				t.Errorf("%q into %T is taken", body, into)
			}
		}
	}
}

func TestDecodeKeepsLargeNumbers(t *testing.T) {
	t.Parallel()
	var v any
	if err := decode([]byte(`[12345678901234567890]`), &v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{json.Number("12345678901234567890")}, v); diff != "" {
		t.Error(diff)
	}
}

type strict struct{ N int }

func (s *strict) Validate() error {
	if s.N < 0 {
		return errors.New("N is negative")
	}
	return nil
}

func TestValidate(t *testing.T) {
	t.Parallel()
	value, pointer, none := strict{-1}, &strict{-1}, (*strict)(nil)
	var face interface{ Validate() error } = pointer
	for name, err := range map[string]error{
		"value": validate(&value), "pointer": validate(&pointer), "interface": validate(&face),
	} {
		if err == nil || err.Error() != "N is negative" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := validate(&none); err != nil {
		t.Error("nil pointer:", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `{"int":1}`, `{"map":{"a":"b"}}`, `{"deep":[[{"A":{"k":[1]}}]]}`, `{"own":{"N":"x"}}`,
		`{"int":1} x`, `{"a`, `{"bytes":"!"}`, "{\"base\":\"\xff\"}", `{"at":"x"}`, "\n\n{\"int\":\n\"ä\"}", `]`, `{"":[{"":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v everything
		err := decode(body, &v)
		if err == nil {
			if !json.Valid(body) || !utf8.Valid(body) {
				t.Fatal("taken, though it is not JSON in UTF-8")
			}
			return
		}
		if plain := json.Unmarshal(body, &everything{}); plain == nil && utf8.Valid(body) && strings.TrimSpace(string(body)) != "null" {
			t.Fatalf("refused, though it fits: %v", err)
		}
		text := err.Error()
		if !utf8.ValidString(text) || len(text) > 1000 || strings.Contains(text, "gateway.") || strings.Contains(text, "json:") {
			t.Fatalf("not a message for the caller: %q", text)
		}
		if status := judge(err).status; status != http.StatusBadRequest && status != http.StatusForbidden {
			t.Fatalf("status %d", status)
		}
	})
}

// Whatever a peer sends as its error, the caller of the gateway gets a small,
// whole answer.
func FuzzJudge(f *testing.F) {
	for _, seed := range []string{
		``, `x`, `{"status":"error","message":"m","code":"denied"}`, "\xff\xfe", `{"message":"m","code":"invalid","details":[1]}`,
		`{"message":"m","code":"denied","details":` + strings.Repeat("[", 9_998) + strings.Repeat("]", 9_998) + `}`,
		strings.Repeat("[", 50_000), `{"message":"` + strings.Repeat("m", 100_000) + `","code":"conflict"}`, `{"message":"\ud800"}`,
		"{\"status\":\"error\",\"m\xf6ssage\":\"m\",\"code\":\"denied\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		reply, _ := nestjs.Dialect{}.ReadReply(&kgo.Record{Headers: []kgo.RecordHeader{{Key: "kafka_nest-err", Value: text}}})
		if reply.Fault == nil {
			return
		}
		v := judge(&siskin.CallError{Pattern: "sum", Err: &siskin.Error{
			Code: siskin.Code(reply.Fault.Code), Message: reply.Fault.Message, Details: reply.Fault.Details, Remote: true,
		}})
		if v.status < 400 || v.status > 599 {
			t.Fatalf("%.200q has the status %d", text, v.status)
		}
		if body := v.body(); !json.Valid(body) || !utf8.Valid(body) || len(body) > 20*len(text)+1_000 {
			t.Fatalf("%.200q becomes %.200q", text, body)
		}
	})
}
