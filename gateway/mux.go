package gateway

import (
	"net/http"
	"strings"
)

// Mux is an http.ServeMux that answers in JSON where nothing is registered: 404,
// and 405 with Allow. What a registered handler answers is left alone.
type Mux struct{ http.ServeMux }

// NewMux returns a Mux without routes. Its patterns are those of http.ServeMux,
// such as "POST /sum" and "GET /users/{id}".
func NewMux() *Mux { return &Mux{} }

// ServeHTTP hands the request to the handler whose pattern fits best.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := m.Handler(r)
	if pattern != "" {
		m.ServeMux.ServeHTTP(w, r)
		return
	}
	answer := probe{header: http.Header{}}
	h.ServeHTTP(&answer, r)
	switch answer.status {
	case http.StatusNotFound:
		Error(w, r, &refusal{http.StatusNotFound, "nothing is served at this path"})
	case http.StatusMethodNotAllowed:
		allow := answer.header.Get("Allow")
		w.Header().Set("Allow", allow)
		use := strings.Join(strings.Split(allow, ", "), " or ")
		Error(w, r, &refusal{http.StatusMethodNotAllowed, "this path does not take " + r.Method + "; use " + use})
	default: // a redirect to the clean form of the path
		h.ServeHTTP(w, r)
	}
}

// probe takes note of an answer without sending it. ServeMux says only in this
// way which methods a path takes.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }
