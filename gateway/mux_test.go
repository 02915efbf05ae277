package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/siskin-go/siskin/gateway"
)

func TestMux(t *testing.T) {
	t.Parallel()
	mux := gateway.NewMux()
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "own "+r.PathValue("id"), http.StatusNotFound)
	})
	mux.Handle("POST /sum", own)
	mux.Handle("GET /users/{id}", own)
	mux.Handle("DELETE /users/{id}", own)

	for _, test := range []struct {
		method, path, allow string
		want                answer
	}{
		{"POST", "/nope", "", fault(404, "not_found", "nothing is served at this path")},
		{"GET", "/sum", "POST", bad(405, "this path does not take GET; use POST")},
		{"PUT", "/users/7", "DELETE, GET, HEAD", bad(405, "this path does not take PUT; use DELETE or GET or HEAD")},
		{"GET", "/users/7", "", answer{404, "own 7\n"}},
		{"POST", "/a/../sum", "", answer{307, ""}},
		{"POST", "/a/../nope", "", answer{307, ""}},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil))
			equal(t, answer{rec.Code, rec.Body.String()}, test.want)
			equal(t, rec.Header().Get("Allow"), test.allow)
		})
	}
}
