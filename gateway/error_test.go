package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

// fault is an error answer without details.
func fault(status int, code siskin.Code, message string) answer {
	return answer{status, fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)}
}

func TestErrorsOfTheService(t *testing.T) {
	t.Parallel()
	fail := siskin.NewRPC[siskin.Code, string](siskintest.Name("fail"))
	r := newRig(t, func(s siskin.Registrar) {
		fail.Handle(s, func(_ context.Context, code siskin.Code) (string, error) {
			switch code {
			case "plain":
				return "", errors.New("secret")
			case "details":
				return "", siskin.Errorf(siskin.CodeConflict, "sold out").WithDetails(map[string]int{"left": 0})
			case "wordless":
				return "", &siskin.Error{Code: siskin.CodeDenied}
			}
			return "", siskin.Errorf(code, "because <so>")
		})
	}, nil)
	quiet := gateway.WithLogger(siskintest.Quiet())
	r.mux.Handle("/fail", gateway.Call(fail, r.client, patient, quiet))
	r.mux.Handle("/stream", gateway.Stream(fail, r.client, patient, quiet))

	for code, want := range map[siskin.Code]answer{
		siskin.CodeInvalid:       fault(400, "invalid", "because <so>"),
		siskin.CodeNotFound:      fault(404, "not_found", "because <so>"),
		siskin.CodeDenied:        fault(403, "denied", "because <so>"),
		siskin.CodeConflict:      fault(409, "conflict", "because <so>"),
		siskin.CodeUnavailable:   fault(503, "unavailable", "because <so>"),
		siskin.CodeTimeout:       fault(504, "timeout", "because <so>"),
		siskin.CodeUnimplemented: fault(501, "unimplemented", "because <so>"),
		siskin.CodeInternal:      fault(502, "internal", "the service failed"),
		siskin.CodeUnknown:       fault(502, "unknown", "the service failed"),
		"of-another-world":       fault(502, "unknown", "the service failed"),
		"plain":                  fault(502, "internal", "the service failed"),
		"wordless":               fault(403, "denied", "forbidden"),
		"details":                {409, `{"error":{"code":"conflict","message":"sold out","details":{"left":0}}}`},
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			equal(t, r.post(t, "/fail", `"`+string(code)+`"`), want)
			equal(t, r.post(t, "/stream", `"`+string(code)+`"`), want)
		})
	}
}

func TestErrorsCanBeReplaced(t *testing.T) {
	t.Parallel()
	nest := siskin.NewRPC[string, string](siskintest.Name("nest"))
	r := newRig(t, func(s siskin.Registrar) {
		nest.Handle(s, func(_ context.Context, what string) (string, error) {
			return "", siskin.Errorf(siskin.CodeUnknown, "%s", what)
		})
	}, nil)
	r.mux.Handle("/nest", gateway.Call(nest, r.client, patient, gateway.WithLogger(siskintest.Quiet()),
		gateway.WithErrors(func(err error) error {
			e, ok := errors.AsType[*siskin.Error](err)
			switch {
			case !ok || e.Message == "none":
				return nil
			case e.Message == "panic":
				panic("secret")
			}
			return siskin.Errorf(siskin.CodeConflict, "%s", e.Message)
		})))
	equal(t, r.post(t, "/nest", `"out of stock"`), fault(409, "conflict", "out of stock"))
	equal(t, r.post(t, "/nest", `"none"`), fault(502, "unknown", "the service failed"))
	equal(t, r.post(t, "/nest", `"panic"`), fault(500, "internal", "internal error"))
	equal(t, r.post(t, "/nest", `1`), bad(400, "the body must be a string, but is a number"))
}

func TestReplyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	pattern := siskintest.Name("text")
	r := newRig(t, func(s siskin.Registrar) {
		siskin.Handle(s, pattern, func(context.Context, struct{}) (string, error) { return "no JSON", nil })
	}, nil)
	var log bytes.Buffer
	logger := gateway.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	r.mux.Handle("/number", gateway.Call(siskin.NewRPC[struct{}, float64](pattern), r.client, patient, logger))
	r.mux.Handle("/raw", gateway.Call(siskin.NewRPC[struct{}, json.RawMessage](pattern), r.client, patient, logger))
	r.mux.Handle("/stream", gateway.Stream(siskin.NewRPC[struct{}, json.RawMessage](pattern), r.client, patient, logger))
	for _, path := range []string{"/number", "/raw", "/stream"} {
		equal(t, r.post(t, path, ``), fault(502, "internal", "the service failed"))
		if !strings.Contains(log.String(), "path="+path+" status=502 error=") {
			t.Errorf("the log does not tell about %s: %s", path, log.String())
		}
	}
}

func TestNoReplyInTime(t *testing.T) {
	t.Parallel()
	hang := siskin.NewRPC[struct{}, string](siskintest.Name("hang"))
	release := make(chan struct{})
	r := newRig(t, func(s siskin.Registrar) {
		hang.Handle(s, func(context.Context, struct{}) (string, error) { <-release; return "", nil })
	}, nil)
	t.Cleanup(func() { close(release) })
	if err := r.client.Ready(t.Context(), hang); err != nil {
		t.Fatal(err)
	}
	short := gateway.WithCallOptions(siskin.WithTimeout(time.Second))
	r.mux.Handle("/call", gateway.Call(hang, r.client, short))
	r.mux.Handle("/stream", gateway.Stream(hang, r.client, short))
	equal(t, r.post(t, "/call", ``), fault(504, "timeout", "no reply in time"))
	equal(t, r.post(t, "/stream", ``), fault(504, "timeout", "no reply in time"))
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	r := idle(t)
	short := gateway.WithCallOptions(siskin.WithTimeout(100 * time.Millisecond))
	r.mux.Handle("/call", gateway.Call(siskin.NewRPC[string, string]("x"), r.client, short))
	r.mux.Handle("/stream", gateway.Stream(siskin.NewRPC[string, string]("x"), r.client, short))
	r.mux.Handle("/emit", gateway.Emit(siskin.NewEvent[string]("x"), r.client, short))
	for _, path := range []string{"/call", "/stream", "/emit"} {
		got, h := r.do(t, "POST", path, `"x"`, "Content-Type", "application/json")
		equal(t, got, fault(503, "unavailable", "the broker did not answer in time"))
		equal(t, h.Get("Retry-After"), "2")
	}
}

func TestMissingTopics(t *testing.T) {
	t.Parallel()
	cfg := siskintest.Config(t)
	cfg.Topics = "verify"
	r := &rig{cfg: cfg, client: siskintest.Client(t, cfg)}
	r.serve(t)
	var log bytes.Buffer
	logger := gateway.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	r.mux.Handle("/call", gateway.Call(siskin.NewRPC[string, string](siskintest.Name("no")), r.client, patient, logger))
	equal(t, r.post(t, "/call", `"x"`), fault(503, "unavailable", "the broker cannot take the request now"))
	if !strings.Contains(log.String(), "topics do not exist") {
		t.Error("the log does not tell why:", log.String())
	}
}

func TestClosedClient(t *testing.T) {
	t.Parallel()
	r := idle(t)
	r.mux.Handle("/call", gateway.Call(siskin.NewRPC[string, string]("x"), r.client))
	r.mux.Handle("/emit", gateway.Emit(siskin.NewEvent[string]("x"), r.client))
	if err := r.client.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, r.post(t, "/call", `"x"`), fault(503, "unavailable", "this server is stopping"))
	equal(t, r.post(t, "/emit", `"x"`), fault(503, "unavailable", "this server is stopping"))
}

func TestRecordTooLarge(t *testing.T) {
	t.Parallel()
	echo := siskin.NewRPC[string, string](siskintest.Name("echo"))
	r := newRig(t, func(s siskin.Registrar) {
		echo.Handle(s, func(_ context.Context, v string) (string, error) { return v, nil })
	}, func(cfg *siskin.Config) { cfg.MaxRecordBytes = 1024 })
	r.mux.Handle("/call", gateway.Call(echo, r.client, patient))
	r.mux.Handle("/emit", gateway.Emit(siskin.NewEvent[string](siskintest.Name("x")), r.client, patient))
	large := `"` + strings.Repeat("x", 2000) + `"`
	equal(t, r.post(t, "/call", large), bad(413, "the request is larger than the broker accepts"))
	equal(t, r.post(t, "/emit", large), bad(413, "the request is larger than the broker accepts"))
}

func TestRequestThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	r := idle(t)
	rpc := siskin.NewRPC[func(), string]("x")
	from := func(*http.Request, struct{}) (func(), error) { return func() {}, nil }
	r.mux.Handle("/x", gateway.CallAs(rpc, r.client, from, gateway.WithLogger(siskintest.Quiet())))
	equal(t, r.post(t, "/x", ``), fault(500, "internal", "internal error"))
}

// A body that is late, or cut, is told to a caller that still reads.
func TestBodyThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		timeout time.Duration
		then    func(*net.TCPConn) error
		want    answer
	}{
		{
			"late", 50 * time.Millisecond, func(*net.TCPConn) error { return nil },
			fault(408, "timeout", "the body did not arrive in time"),
		},
		{"cut", 0, (*net.TCPConn).CloseWrite, bad(400, "the body did not arrive whole")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := idle(t, func(s *http.Server) { s.ReadTimeout, s.ReadHeaderTimeout = test.timeout, time.Minute })
			r.mux.Handle("/x", gateway.Call(siskin.NewRPC[string, string]("x"), r.client))
			conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = io.WriteString(conn, "POST /x HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n1")
			if err := errors.Join(err, test.then(conn.(*net.TCPConn))); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, answer{res.StatusCode, string(body)}, test.want)
		})
	}
}

func TestErrorForOwnHandlers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want answer
	}{
		{siskin.Errorf(siskin.CodeDenied, "log in first"), fault(403, "denied", "log in first")},
		{fmt.Errorf("users: %w", siskin.Errorf(siskin.CodeNotFound, "no such user")), fault(404, "not_found", "no such user")},
		{fmt.Errorf("emit: %w", kerr.TopicAuthorizationFailed), fault(502, "internal", "the service failed")},
		{fmt.Errorf("emit: %w", kerr.NotLeaderForPartition), fault(503, "unavailable", "the broker cannot take the request now")},
		{&siskin.CallError{Err: &net.OpError{Op: "dial", Err: errors.New("secret")}}, fault(503, "unavailable", "the broker cannot take the request now")},
		{errors.New("secret"), fault(500, "internal", "internal error")},
		{siskin.Errorf(siskin.CodeUnknown, "secret"), fault(500, "internal", "internal error")},
		{siskin.Errorf(siskin.CodeInternal, "secret"), fault(500, "internal", "internal error")},
		{siskin.ErrOverloaded, fault(503, "unavailable", "too many calls are waiting")},
		{siskin.ErrRouteLost, fault(503, "unavailable", "the way back for the reply is gone")},
		{siskin.ErrStreamIdle, fault(504, "timeout", "the stream was silent for too long")},
		{siskin.ErrSlowReader, fault(504, "timeout", "the stream was read too slowly")},
	} {
		rec := httptest.NewRecorder()
		gateway.Error(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), test.err)
		equal(t, answer{rec.Code, rec.Body.String()}, test.want)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	rec := httptest.NewRecorder()
	gateway.Error(rec, httptest.NewRequestWithContext(gone, "GET", "/", nil), siskin.ErrOverloaded)
	equal(t, rec.Body.String()+rec.Header().Get("Content-Type"), "")
}
