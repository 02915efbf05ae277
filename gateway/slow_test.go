package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

// small makes the kernel keep little of what the caller does not read.
func small(s *http.Server) {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4096)
		return ctx
	}
}

// dead sends a request and does not read the answer.
func (r *rig) dead(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A reader that is dead holds its handler for the write timeout and nobody
// else's call at all.
func TestDeadReaderEndsOnlyItsOwnCall(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte("x"), 100_000)
	flood := siskin.NewRPC[struct{}, string](siskintest.Name("flood"))
	large := siskin.NewRPC[struct{}, string](siskintest.Name("large"))
	echo := siskin.NewRPC[int, int](siskintest.Name("echo"))
	r := newRig(t, func(s siskin.Registrar) {
		flood.HandleStream(s, func(_ context.Context, _ struct{}, send func(string) error) error {
			for range 60 {
				if err := send(string(big)); err != nil {
					return err
				}
			}
			return nil
		})
		large.Handle(s, func(context.Context, struct{}) (string, error) { return string(bytes.Repeat(big, 9)), nil })
		echo.Handle(s, func(_ context.Context, n int) (int, error) { return n, nil })
	}, nil)
	r.serve(t, small)
	short := gateway.WithWriteTimeout(200 * time.Millisecond)
	r.mux.Handle("GET /flood", gateway.Stream(flood, r.client, patient, short))
	r.mux.Handle("GET /echo/{n}", gateway.CallAs(echo, r.client,
		func(*http.Request, struct{}) (int, error) { return 7, nil }, patient))

	r.mux.Handle("GET /large", gateway.Call(large, r.client, patient, short))

	for _, path := range []string{"/flood", "/large"} {
		conn := r.dead(t, path)
		got, _ := r.do(t, "GET", "/echo/7", "")
		equal(t, got, answer{200, "7"})
		wait(t, r.done, "one handler")
		wait(t, r.done, "the other handler")
		if b, _ := io.ReadAll(conn); len(b) >= 900_000 || bytes.HasSuffix(b, []byte("0\r\n\r\n")) {
			t.Errorf("the answer of %s was not cut: %d bytes", path, len(b))
		}
	}
}

// A caller that reads too slowly gets an error behind what fits into the buffer.
func TestSlowReaderIsToldWhy(t *testing.T) {
	t.Parallel()
	flood := siskin.NewRPC[struct{}, int](siskintest.Name("flood"))
	echo := siskin.NewRPC[int, int](siskintest.Name("echo"))
	sent := make(chan struct{})
	r := newRig(t, func(s siskin.Registrar) {
		flood.HandleStream(s, func(ctx context.Context, _ struct{}, send func(int) error) error {
			defer close(sent)
			return count(ctx, 100, send)
		})
		echo.Handle(s, func(_ context.Context, n int) (int, error) { return n, nil })
	}, func(cfg *siskin.Config) { cfg.StreamBuffer, cfg.ReplyTopic = 2, siskintest.Name("all")+".reply" })
	stream := gateway.Stream(flood, r.client, patient)
	release := make(chan struct{})
	r.mux.Handle("/flood", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		stream.ServeHTTP(&blocked{w, release}, req)
	}))

	answered := make(chan answer, 1)
	go func() { answered <- r.post(t, "/flood", "") }()
	wait(t, sent, "the replies")
	// All replies come on one partition, so this one is behind the others.
	if _, err := echo.Send(t.Context(), r.client, 1); err != nil {
		t.Fatal(err)
	}
	close(release)
	got := wait(t, answered, "the answer")
	lines := strings.SplitAfter(strings.TrimSuffix(got.Body, "\n"), "\n")
	equal(t, lines[:2], []string{"0\n", "1\n"})
	equal(t, lines[len(lines)-1], fault(0, "timeout", "the stream was read too slowly").Body)
}

// blocked is a writer whose flushes wait.
type blocked struct {
	http.ResponseWriter
	until <-chan struct{}
}

func (b *blocked) FlushError() error {
	<-b.until
	return http.NewResponseController(b.ResponseWriter).Flush()
}
