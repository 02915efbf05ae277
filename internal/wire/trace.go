package wire

import "github.com/twmb/franz-go/pkg/kgo"

// longestTrace is more than the W3C lets anybody expect to be passed on. Without a
// bound a request could make the calls inside its handler too large to be sent.
const longestTrace = 1 << 10

// AddTrace adds the trace context among the headers of a delivery to those of a
// call made inside its handler, where they have none.
func AddTrace(headers, delivery []kgo.RecordHeader) []kgo.RecordHeader {
	for _, name := range []string{TraceParent, TraceState} {
		if value, ok := Last(delivery, name); ok && len(value) <= longestTrace && !Has(headers, name) {
			headers = append(headers, kgo.RecordHeader{Key: name, Value: value})
		}
	}
	return headers
}
