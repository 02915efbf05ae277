package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

// A client that may have one pending call shows whether a call has ended.
func TestCallerThatLeavesEndsItsCall(t *testing.T) {
	t.Parallel()
	hang := siskin.NewRPC[string, string](siskintest.Name("hang"))
	started, release := make(chan struct{}, 10), make(chan struct{})
	r := newRig(t, func(s siskin.Registrar) {
		hang.Handle(s, func(_ context.Context, what string) (string, error) {
			if what == "wait" {
				started <- struct{}{}
				<-release
			}
			return what, nil
		})
		hang := siskin.NewRPC[string, string](hang.Pattern() + ".stream")
		hang.HandleStream(s, func(_ context.Context, what string, send func(string) error) error {
			err := send(what)
			if what == "wait" {
				<-release
			}
			return err
		})
	}, func(cfg *siskin.Config) { cfg.MaxPending = 1 })
	t.Cleanup(func() { close(release) })
	r.mux.Handle("/call", gateway.Call(hang, r.client, patient))
	r.mux.Handle("/stream", gateway.Stream(siskin.NewRPC[string, string](hang.Pattern()+".stream"), r.client, patient))

	for _, path := range []string{"/call", "/stream"} {
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", r.server.URL+path, strings.NewReader(`"wait"`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		failed := make(chan error, 1)
		go func() {
			res, err := r.server.Client().Do(req)
			if err == nil {
				defer res.Body.Close()
				if path == "/stream" {
					started <- struct{}{} // the first value is there
				}
				_, err = res.Body.Read(make([]byte, 100))
				for err == nil {
					_, err = res.Body.Read(make([]byte, 100))
				}
			}
			failed <- err
		}()
		wait(t, started, "the service's handler")
		equal(t, r.post(t, path, `"next"`), fault(503, "unavailable", "too many calls are waiting"))
		wait(t, r.done, "the second handler")
		leave()
		if err := wait(t, failed, "the caller"); err == nil {
			t.Error("the caller that left got an answer")
		}
		wait(t, r.done, "the handler whose caller has left")
	}
}
