package mathhttp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathhttp"
	"github.com/siskin-go/siskin/examples/demo/mathsvc"
	"github.com/siskin-go/siskin/siskintest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the math service and the HTTP app in front of it.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	cfg := siskintest.Config(t)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mathsvc.Register(svc, io.Discard)
	siskintest.Run(t, svc)
	app := httptest.NewServer(mathhttp.Handler(siskintest.Client(t, cfg)))
	t.Cleanup(app.Close)
	return app
}

func post(t *testing.T, app *httptest.Server, path, body string) (status int, answer string) {
	t.Helper()
	res, err := app.Client().Post(app.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// The answers that the NestJS example gives, and those in its place where it
// fails.
func TestAnswers(t *testing.T) {
	t.Parallel()
	app := serve(t)
	for _, test := range []struct {
		path, body string
		status     int
		answer     string // or a part of it, if not 201
	}{
		{"/sum", "[1,2,3]", http.StatusCreated, "6"},
		{"/sum", "[]", http.StatusCreated, "0"},
		{"/sum", `{"a":1}`, http.StatusBadRequest, "the body must be an array"},
		{"/sum", "notjson", http.StatusBadRequest, "the body is not JSON"},
		{"/max", "[4,9,2]", http.StatusCreated, "9"},
		{"/max", "[]", http.StatusBadRequest, "send at least one"},
		{"/print", `{}`, http.StatusBadRequest, "message"},
		{"/nothing", "[]", http.StatusNotFound, "nothing is served"},
	} {
		status, answer := post(t, app, test.path, test.body)
		fits := answer == test.answer || status != http.StatusCreated && strings.Contains(answer, test.answer)
		if status != test.status || !fits {
			t.Errorf("POST %s %s: got %d %s, want %d %s", test.path, test.body, status, answer, test.status, test.answer)
		}
	}
}

func TestPrintAnswersWithThePlace(t *testing.T) {
	t.Parallel()
	status, answer := post(t, serve(t), "/print", `{"message":"hi"}`)
	var places []struct {
		TopicName  string `json:"topicName"`
		Partition  int    `json:"partition"`
		ErrorCode  int    `json:"errorCode"`
		BaseOffset string `json:"baseOffset"`
	}
	if err := json.Unmarshal([]byte(answer), &places); err != nil || status != http.StatusCreated {
		t.Fatalf("got %d %s, %v", status, answer, err)
	}
	if len(places) != 1 || places[0].TopicName != "print" || places[0].ErrorCode != 0 || places[0].BaseOffset == "" {
		t.Errorf("got %s", answer)
	}
}
