package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

// patient is for calls whose time is not what a test is about.
var patient = gateway.WithCallOptions(siskin.WithTimeout(time.Minute))

// rig is a service, a client and an HTTP server.
type rig struct {
	cfg    siskin.Config
	client *siskin.Client
	mux    *gateway.Mux
	server *httptest.Server
	// done gets a value whenever a handler behind the server has returned.
	done chan struct{}
}

// newRig starts a service with what register adds. change may change the
// settings of the client.
func newRig(t *testing.T, register func(siskin.Registrar), change func(*siskin.Config)) *rig {
	t.Helper()
	cfg := siskintest.Config(t)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(svc)
	siskintest.Run(t, svc)
	if change != nil {
		change(&cfg)
	}
	r := &rig{cfg: cfg, client: siskintest.Client(t, cfg)}
	r.serve(t)
	return r
}

// serve starts the HTTP server, after change has been asked about its settings.
func (r *rig) serve(t *testing.T, change ...func(*http.Server)) {
	r.mux = gateway.NewMux()
	r.done = make(chan struct{}, 1000)
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() { r.done <- struct{}{} }()
		r.mux.ServeHTTP(w, req)
	}))
	r.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for _, change := range change {
		change(r.server.Config)
	}
	r.server.Start()
	t.Cleanup(r.server.Close)
}

// idle is a rig for requests that never become a call: its client has no broker.
func idle(t *testing.T, change ...func(*http.Server)) *rig {
	t.Helper()
	cfg := siskin.Config{Brokers: []string{nobody(t)}, Logger: siskintest.Quiet(), Timeout: time.Second}
	r := &rig{cfg: cfg, client: siskintest.Client(t, cfg)}
	r.serve(t, change...)
	return r
}

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.Listener.Addr().String()
}

// answer is what a test compares of an answer.
type answer struct {
	Status int
	Body   string
}

// post sends a JSON body.
func (r *rig) post(t *testing.T, path, body string) answer {
	t.Helper()
	a, _ := r.do(t, http.MethodPost, path, body, "Content-Type", "application/json")
	return a
}

// do sends a request with headers as name, value, name, value.
func (r *rig) do(t *testing.T, method, path, body string, headers ...string) (answer, http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := r.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, string(b)}, res.Header
}

// wait fails the test when nothing comes from ch within a minute.
func wait[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
