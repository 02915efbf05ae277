package wire

import "github.com/twmb/franz-go/pkg/kgo"

// Last returns the value of the last header called key. Headers are an ordered
// list in which a name may repeat; the last one wins, as in Kafka's own
// lastHeader. A present header without a value gives a nil slice and true.
func Last(headers []kgo.RecordHeader, key string) ([]byte, bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == key {
			return headers[i].Value, true
		}
	}
	return nil, false
}

// Has reports whether a header called key is present, whatever its value.
func Has(headers []kgo.RecordHeader, key string) bool {
	_, ok := Last(headers, key)
	return ok
}
