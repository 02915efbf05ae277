package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

// order is a request with a rule.
type order struct {
	ID    string `json:"id"`
	Items []struct {
		Price float64 `json:"price"`
		Count uint8   `json:"count"`
	} `json:"items"`
}

func (o order) Validate() error {
	switch o.ID {
	case "":
		return errors.New("id is missing")
	case "taken":
		return siskin.Errorf(siskin.CodeConflict, "the id is taken")
	}
	return nil
}

func TestCallAnswersWithTheReplyAsJSON(t *testing.T) {
	t.Parallel()
	echo := siskin.NewRPC[json.RawMessage, json.RawMessage](siskintest.Name("echo"))
	text := siskin.NewRPC[string, string](siskintest.Name("text"))
	sum := siskin.NewRPC[[]float64, float64](siskintest.Name("sum"))
	nobody := siskin.NewRPC[struct{}, *order](siskintest.Name("nobody"))
	r := newRig(t, func(s siskin.Registrar) {
		echo.Handle(s, func(_ context.Context, v json.RawMessage) (json.RawMessage, error) { return v, nil })
		text.Handle(s, func(_ context.Context, v string) (string, error) { return v, nil })
		sum.Handle(s, func(_ context.Context, xs []float64) (total float64, _ error) {
			for _, x := range xs {
				total += x
			}
			return total, nil
		})
		nobody.Handle(s, func(context.Context, struct{}) (*order, error) { return nil, nil })
	}, nil)
	r.mux.Handle("/echo", gateway.Call(echo, r.client, patient))
	r.mux.Handle("/text", gateway.Call(text, r.client, patient))
	r.mux.Handle("/sum", gateway.Call(sum, r.client, patient))
	r.mux.Handle("/created", gateway.Call(sum, r.client, patient, gateway.WithStatus(201)))
	r.mux.Handle("/quiet", gateway.Call(sum, r.client, patient, gateway.WithStatus(204)))
	r.mux.Handle("/nobody", gateway.Call(nobody, r.client, patient))

	for _, test := range []struct {
		name, path, body string
		want             answer
	}{
		{"number", "/sum", "[1,2,3]", answer{200, "6"}},
		{"number that is exact", "/echo", `{"n":12345678901234567890.5}`, answer{200, `{"n":12345678901234567890.5}`}},
		{"space around the value", "/sum", " \r\n[1 ,2]\t", answer{200, "3"}},
		{"string", "/text", `"a \"b\" <c> & ü"`, answer{200, `"a \"b\" <c> & ü"`}},
		{"string that looks like JSON", "/text", `"{\"a\":1}"`, answer{200, `"{\"a\":1}"`}},
		{"object", "/echo", `{"b":1, "a":[null]}`, answer{200, `{"b":1,"a":[null]}`}},
		{"null that the type keeps", "/echo", `null`, answer{200, `null`}},
		{"reply without a value", "/nobody", ``, answer{200, `null`}},
		{"empty object for nothing", "/nobody", `{}`, answer{200, `null`}},
		{"other status", "/created", "[1]", answer{201, "1"}},
		{"status without a body", "/quiet", "[1]", answer{204, ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			equal(t, r.post(t, test.path, test.body), test.want)
		})
	}
}

func TestCallHeaders(t *testing.T) {
	t.Parallel()
	sum := siskin.NewRPC[[]float64, int](siskintest.Name("sum"))
	r := newRig(t, func(s siskin.Registrar) {
		sum.Handle(s, func(_ context.Context, xs []float64) (int, error) { return len(xs), nil })
	}, nil)
	r.mux.Handle("POST /sum", gateway.Call(sum, r.client, patient))
	_, h := r.do(t, "POST", "/sum", "[1]", "Content-Type", "application/vnd.sum+json; charset=UTF-8")
	equal(t, []string{h.Get("Content-Type"), h.Get("Content-Length"), h.Get("X-Content-Type-Options")},
		[]string{"application/json", "1", "nosniff"})
}

// bad is an answer with status 400, 413 and so on.
func bad(status int, message string) answer {
	b, _ := json.Marshal(message)
	return answer{status, `{"error":{"code":"invalid","message":` + string(b) + `}}`}
}

func TestCallRefusesABadBody(t *testing.T) {
	t.Parallel()
	r := idle(t)
	rpc := siskin.NewRPC[order, string]("orders")
	r.mux.Handle("/orders", gateway.Call(rpc, r.client, gateway.WithMaxBody(200)))
	r.mux.Handle("/sum", gateway.Call(siskin.NewRPC[[]float64, int]("sum"), r.client))
	r.mux.Handle("/raw", gateway.Call(siskin.NewRPC[json.RawMessage, int]("raw"), r.client))

	for _, test := range []struct {
		name, path, body string
		want             answer
	}{
		{"no JSON", "/orders", `notjson`, bad(400, `the body is not JSON: unexpected 'o' at line 1, column 2`)},
		{"no JSON on line 2", "/orders", "{\"id\":\"ä\",\n  \"x\" 1}", bad(400, `the body is not JSON: unexpected '1' at line 2, column 7`)},
		{"cut", "/orders", `{"id":"a`, bad(400, `the body is not JSON: it ends too early`)},
		{"two values", "/orders", `{"id":"a"} {}`, bad(400, `the body must be one JSON value, but goes on at line 1, column 12`)},
		{"not UTF-8", "/orders", "{\"id\":\"\xff\"}", bad(400, `the body is not UTF-8 at line 1, column 8`)},
		{"wrong type", "/orders", `[]`, bad(400, `the body must be an object, but is an array`)},
		{"wrong field", "/orders", `{"id":1}`, bad(400, `"id" must be a string, but is a number`)},
		{"wrong inner field", "/orders", `{"items":[{},{"price":"x"}]}`, bad(400, `"items[1].price" must be a number, but is a string`)},
		{"number out of range", "/orders", `{"items":[{"count":256}]}`, bad(400, `"items[0].count" must be a whole number from 0 to 255, but is 256`)},
		{"wrong element", "/sum", `[1,{}]`, bad(400, `"[1]" must be a number, but is an object`)},
		{"object for a list", "/sum", `{"a":1}`, bad(400, `the body must be an array, but is an object`)},
		{"empty for any JSON", "/raw", ``, bad(400, `the body is empty, but must be JSON`)},
		{"text for a count", "/orders", `{"items":[{"count":"1"}]}`, bad(400, `"items[0].count" must be a whole number, but is a string`)},
		{"empty", "/orders", ``, bad(400, `the body is empty, but must be an object`)},
		{"only space", "/sum", " \n", bad(400, `the body is empty, but must be an array`)},
		{"null", "/sum", `null`, bad(400, `the body is null, but must be an array`)},
		{"rule", "/orders", `{}`, bad(400, `id is missing`)},
		{"rule with a code", "/orders", `{"id":"taken"}`, answer{409, `{"error":{"code":"conflict","message":"the id is taken"}}`}},
		{"too large", "/orders", `{"id":"` + strings.Repeat("x", 200) + `"}`, bad(413, `the body is larger than 200 bytes`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			equal(t, r.post(t, test.path, test.body), test.want)
		})
	}
}

func TestCallRefusesALargeBodyWithoutLength(t *testing.T) {
	t.Parallel()
	r := idle(t)
	h := gateway.Call(siskin.NewRPC[string, string]("x"), r.client, gateway.WithMaxBody(10))
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`"`+strings.Repeat("x", 9)+`"`))
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = -1
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	equal(t, answer{rec.Code, rec.Body.String()}, bad(413, `the body is larger than 10 bytes`))
}

func TestCallRefusesOtherContent(t *testing.T) {
	t.Parallel()
	r := idle(t)
	r.mux.Handle("/x", gateway.Call(siskin.NewRPC[string, string]("x"), r.client))
	const (
		notJSON = `the Content-Type of the body is not JSON; send application/json`
		missing = `the body has no Content-Type; send application/json`
		charset = `JSON is UTF-8; send no other charset`
		coding  = `send the body without Content-Encoding`
	)
	for _, test := range []struct {
		name    string
		headers []string
		want    answer
	}{
		{"form", []string{"Content-Type", "application/x-www-form-urlencoded"}, bad(415, notJSON)},
		{"text", []string{"Content-Type", "text/plain"}, bad(415, notJSON)},
		{"nonsense", []string{"Content-Type", "json;;"}, bad(415, notJSON)},
		{"none", nil, bad(415, missing)},
		{"charset", []string{"Content-Type", "application/json; charset=latin1"}, bad(415, charset)},
		{"gzip", []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, bad(415, coding)},
		{"JSON", []string{"Content-Type", "Application/JSON;charset=utf-8", "Content-Encoding", "identity"}, bad(400, `the body must be a string, but is a number`)},
		{"problem+json", []string{"Content-Type", "application/problem+json"}, bad(400, `the body must be a string, but is a number`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, _ := r.do(t, "POST", "/x", "1", test.headers...)
			equal(t, got, test.want)
		})
	}
	got, _ := r.do(t, "POST", "/x", "", "Content-Type", "application/x-www-form-urlencoded")
	equal(t, got, bad(400, `the body is empty, but must be a string`))
}

func TestCallAs(t *testing.T) {
	t.Parallel()
	double := siskin.NewRPC[int, int](siskintest.Name("double"))
	r := newRig(t, func(s siskin.Registrar) {
		double.Handle(s, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	}, nil)
	from := func(req *http.Request, _ struct{}) (int, error) {
		switch id := req.PathValue("n"); id {
		case "panic":
			panic("secret")
		case "secret":
			return 0, errors.New("secret")
		default:
			n, err := strconv.Atoi(id)
			if err != nil {
				return 0, siskin.Errorf(siskin.CodeInvalid, "n must be a whole number").WithCause(err)
			}
			return n, nil
		}
	}
	r.mux.Handle("GET /double/{n}", gateway.CallAs(double, r.client, from, patient, gateway.WithLogger(siskintest.Quiet())))

	for path, want := range map[string]answer{
		"/double/21":     {200, "42"},
		"/double/x":      bad(400, "n must be a whole number"),
		"/double/secret": {500, `{"error":{"code":"internal","message":"internal error"}}`},
		"/double/panic":  {500, `{"error":{"code":"internal","message":"internal error"}}`},
	} {
		got, _ := r.do(t, "GET", path, "")
		equal(t, got, want)
	}
}

// The timeouts of an http.Server are for the request and for dead readers. They
// must not end a call that takes its time.
func TestCallOutlivesTheTimeoutsOfItsServer(t *testing.T) {
	t.Parallel()
	slow := siskin.NewRPC[int, int](siskintest.Name("slow"))
	r := newRig(t, func(s siskin.Registrar) {
		slow.Handle(s, func(_ context.Context, n int) (int, error) { <-time.After(300 * time.Millisecond); return n, nil })
	}, nil)
	r.serve(t, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout, s.ReadHeaderTimeout = 100*time.Millisecond, 100*time.Millisecond, time.Minute
	})
	r.mux.Handle("/slow", gateway.Call(slow, r.client, patient))
	r.mux.Handle("/stream", gateway.Stream(slow, r.client, patient))
	equal(t, r.post(t, "/slow", "7"), answer{200, "7"})
	equal(t, r.post(t, "/stream", "7"), answer{200, "7\n"})
}

// http.ErrAbortHandler is no failure: somebody wants the connection cut.
func TestAbortIsPassedOn(t *testing.T) {
	t.Parallel()
	r := idle(t)
	h := gateway.CallAs(siskin.NewRPC[string, string]("x"), r.client,
		func(*http.Request, struct{}) (string, error) { panic(http.ErrAbortHandler) })
	defer func() { equal(t, recover() == http.ErrAbortHandler, true) }()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/", nil))
}
