package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

const (
	ndjson = "application/x-ndjson"
	sse    = "text/event-stream"
)

// count is a stream of n numbers, and an error when n is negative.
func count(_ context.Context, n int, send func(int) error) error {
	for i := range max(n, -n) {
		if err := send(i); err != nil {
			return err
		}
	}
	if n < 0 {
		return siskin.Errorf(siskin.CodeConflict, "no more")
	}
	return nil
}

func TestStream(t *testing.T) {
	t.Parallel()
	ticks := siskin.NewRPC[int, int](siskintest.Name("ticks"))
	r := newRig(t, func(s siskin.Registrar) { ticks.HandleStream(s, count) }, nil)
	r.mux.Handle("POST /ticks", gateway.Stream(ticks, r.client, patient))
	const problem = `{"error":{"code":"conflict","message":"no more"}}`
	for _, test := range []struct {
		name, body, accept string
		want               answer
	}{
		{"lines", "3", ndjson, answer{200, "0\n1\n2\n"}},
		{"lines by default", "1", "", answer{200, "0\n"}},
		{"lines for anything", "1", "*/*", answer{200, "0\n"}},
		{"no lines", "0", ndjson, answer{200, ""}},
		{"lines with an error", "-2", ndjson, answer{200, "0\n1\n" + problem + "\n"}},
		{"events", "2", sse, answer{200, "data: 0\n\ndata: 1\n\nevent: end\nid: end\ndata: {}\n\n"}},
		{"no events", "0", sse, answer{200, "event: end\nid: end\ndata: {}\n\n"}},
		{"events with an error", "-1", sse, answer{200, "data: 0\n\nevent: error\nid: end\ndata: " + problem + "\n\n"}},
		{"neither", "1", "application/json", bad(406, "a stream can be had as application/x-ndjson or text/event-stream; see Accept")},
		{"bad body", "x", sse, bad(400, "the body is not JSON: unexpected 'x' at line 1, column 1")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			headers := []string{"Content-Type", "application/json"}
			if test.accept != "" {
				headers = append(headers, "Accept", test.accept)
			}
			got, h := r.do(t, "POST", "/ticks", test.body, headers...)
			equal(t, got, test.want)
			if got.Status == 200 && test.accept == sse {
				equal(t, []string{h.Get("Content-Type"), h.Get("Cache-Control")}, []string{sse, "no-store"})
			}
		})
	}
}

// The next value is sent only when the caller has seen the one before.
func TestStreamFlushesEachValue(t *testing.T) {
	t.Parallel()
	steps := siskin.NewRPC[struct{}, string](siskintest.Name("steps"))
	seen := make(chan struct{})
	r := newRig(t, func(s siskin.Registrar) {
		steps.HandleStream(s, func(ctx context.Context, _ struct{}, send func(string) error) error {
			for _, step := range []string{"one", "two"} {
				if err := send(step); err != nil {
					return err
				}
				select {
				case <-seen:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}, nil)
	from := func(*http.Request, struct{}) (struct{}, error) { return struct{}{}, nil }
	r.mux.Handle("GET /steps", gateway.StreamAs(steps, r.client, from, patient))

	for _, accept := range []string{ndjson, sse} {
		lines := r.open(t, "/steps", accept)
		for _, want := range []string{`"one"`, `"two"`} {
			line := wait(t, lines, want)
			equal(t, strings.TrimPrefix(line, "data: "), want)
			seen <- struct{}{}
			if accept == sse {
				equal(t, wait(t, lines, "the end of the event"), "")
			}
		}
	}
}

// open requests a stream with GET and gives its lines.
func (r *rig) open(t *testing.T, path, accept string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := r.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer res.Body.Close()
		defer close(lines)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-t.Context().Done():
				return
			}
		}
	}()
	return lines
}

// An EventSource connects again by itself after the end.
func TestStreamIsNotRepeatedAfterItsEnd(t *testing.T) {
	t.Parallel()
	r := idle(t)
	ticks := siskin.NewRPC[struct{}, int]("ticks")
	r.mux.Handle("GET /ticks", gateway.Stream(ticks, r.client))
	got, _ := r.do(t, "GET", "/ticks", "", "Accept", sse, "Last-Event-ID", "end")
	equal(t, got, answer{204, ""})
}

// A stream that this program cuts must not look as if it had ended.
func TestStreamThatIsCut(t *testing.T) {
	t.Parallel()
	steps := siskin.NewRPC[struct{}, int](siskintest.Name("steps"))
	release := make(chan struct{})
	r := newRig(t, func(s siskin.Registrar) {
		steps.HandleStream(s, func(_ context.Context, _ struct{}, send func(int) error) error {
			err := send(1)
			<-release
			return err
		})
	}, nil)
	t.Cleanup(func() { close(release) })
	ctx, stop := context.WithCancel(t.Context())
	r.serve(t, func(s *http.Server) { s.BaseContext = func(net.Listener) context.Context { return ctx } })
	r.mux.Handle("/steps", gateway.Stream(steps, r.client, patient))
	res, err := r.server.Client().Get(r.server.URL + "/steps")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stop()
	body, err := io.ReadAll(res.Body)
	equal(t, string(body), "1\n")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the cut stream ended with %v", err)
	}
}

// plain is the writer of a middleware that hides what it wraps.
type plain struct{ http.ResponseWriter }

func TestStreamBehindAWriterThatCannotFlush(t *testing.T) {
	t.Parallel()
	ticks := siskin.NewRPC[int, int](siskintest.Name("ticks"))
	r := newRig(t, func(s siskin.Registrar) { ticks.HandleStream(s, count) }, nil)
	var log bytes.Buffer
	stream := gateway.StreamAs(ticks, r.client, func(*http.Request, struct{}) (int, error) { return 3, nil }, patient,
		gateway.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	stream.ServeHTTP(plain{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), "GET", "/ticks", nil))
	if !strings.Contains(log.String(), "does a middleware hide http.Flusher?") {
		t.Error("the log does not tell why:", log.String())
	}
}

// stuck cannot be JSON when its number is 1, and panics when it is 2.
type stuck int

func (s stuck) MarshalJSON() ([]byte, error) {
	switch s {
	case 1:
		return nil, errors.New("secret")
	case 2:
		panic("secret")
	}
	return []byte("0"), nil
}

func TestStreamWithAValueThatCannotBeShown(t *testing.T) {
	t.Parallel()
	ticks := siskin.NewRPC[int, int](siskintest.Name("ticks"))
	r := newRig(t, func(s siskin.Registrar) { ticks.HandleStream(s, count) }, nil)
	r.mux.Handle("/ticks", gateway.Stream(siskin.NewRPC[int, stuck](ticks.Pattern()), r.client, patient,
		gateway.WithLogger(siskintest.Quiet())))
	equal(t, r.post(t, "/ticks", "3"), answer{200, "0\n" + fault(0, "internal", "the service failed").Body + "\n"})
}

func TestStreamWithAPanic(t *testing.T) {
	t.Parallel()
	ticks := siskin.NewRPC[int, int](siskintest.Name("ticks"))
	r := newRig(t, func(s siskin.Registrar) {
		ticks.HandleStream(s, func(_ context.Context, _ int, send func(int) error) error {
			return errors.Join(send(0), send(2))
		})
	}, nil)
	r.mux.Handle("/ticks", gateway.Stream(siskin.NewRPC[int, stuck](ticks.Pattern()), r.client, patient,
		gateway.WithLogger(siskintest.Quiet())))
	equal(t, r.post(t, "/ticks", "3"), answer{200, "0\n" + fault(0, "internal", "internal error").Body + "\n"})
}
