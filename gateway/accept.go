package gateway

import (
	"mime"
	"strconv"
	"strings"
)

// preference is how much a caller wants a form: its weight, and how exactly it
// was named.
type preference struct {
	weight float64
	exact  int // 1 for */*, 2 for type/*, 3 for type/subtype
}

// accepted chooses the form of a stream by the Accept headers (RFC 9110, section
// 12.5.1), or nil. For each form the most exact range counts. The heavier form
// wins, then the one that was named more exactly: "text/event-stream, */*" asks
// for events. Else, and without the header, it is NDJSON. Ranges that make no
// sense are skipped.
func accepted(headers []string) *form {
	var lines, events preference
	understood := false
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		kind, weight, ok := mediaRange(part)
		if !ok {
			continue
		}
		understood = true
		lines.consider(kind, weight, ndjson.contentType)
		events.consider(kind, weight, sse.contentType)
	}
	switch {
	case !understood:
		return ndjson
	case lines.weight == 0 && events.weight == 0:
		return nil
	case events.weight > lines.weight || events.weight == lines.weight && events.exact > lines.exact:
		return sse
	}
	return ndjson
}

func mediaRange(text string) (kind string, weight float64, ok bool) {
	kind, params, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(kind, "/") {
		return "", 0, false
	}
	q, ok := params["q"]
	if !ok {
		return kind, 1, true
	}
	weight, err = strconv.ParseFloat(q, 64)
	return kind, weight, err == nil && weight >= 0 && weight <= 1
}

func (p *preference) consider(kind string, weight float64, contentType string) {
	exact := 0
	switch major, _, _ := strings.Cut(contentType, "/"); kind {
	case contentType:
		exact = 3
	case major + "/*":
		exact = 2
	case "*/*":
		exact = 1
	}
	if exact > p.exact {
		*p = preference{weight, exact}
	}
}
