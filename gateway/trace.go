package gateway

import (
	"net/http"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/wire"
)

// longestState is what W3C asks everybody to pass on of tracestate. More is left
// out whole: a part of it may make no sense.
const longestState = 512

// trace passes the trace context of the request on. A traceparent that breaks
// the W3C form is left out, and tracestate with it, as W3C asks: these headers
// come from strangers.
func trace(h http.Header) []siskin.CallOption {
	parents := h.Values(wire.TraceParent)
	if len(parents) != 1 || !isTraceParent(parents[0]) {
		return nil
	}
	opts := []siskin.CallOption{siskin.WithHeader(wire.TraceParent, parents[0])}
	if state := strings.Join(h.Values(wire.TraceState), ","); state != "" && len(state) <= longestState {
		opts = append(opts, siskin.WithHeader(wire.TraceState, state))
	}
	return opts
}

// isTraceParent checks version 00 whole and of later versions the part that W3C
// promises to keep.
func isTraceParent(s string) bool {
	const size = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")
	if len(s) < size || len(s) > longestState || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if len(s) > size && (s[:2] == "00" || s[size] != '-') {
		return false
	}
	for _, part := range []string{s[:2], s[3:35], s[36:52], s[53:55]} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return false
		}
	}
	return s[:2] != "ff" && strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}
