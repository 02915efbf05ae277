package siskin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// Health is for a probe: it names what is wrong. Info has the numbers behind it.
func Example_health() {
	p := play()
	defer p.end()
	svc := p.service()
	siskin.Handle(svc, siskintest.Name("up"), func(_ context.Context, n int) (int, error) { return n + 1, nil })

	probe := func(w http.ResponseWriter, _ *http.Request) {
		health := svc.Health()
		if !health.OK() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, health.Service.State, len(health.Problems), "problems")
	}
	ask := func() {
		w := httptest.NewRecorder()
		probe(w, nil)
		fmt.Print(w.Code, " ", w.Body)
	}
	ask()
	p.run(svc)
	ask()
	// Output:
	// 503 starting 1 problems
	// 200 joined 0 problems
}
