package dedupe_test

import (
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBy(t *testing.T) {
	t.Parallel()
	bare := borrow(t, kgo.Record{}, false)
	full := borrow(t, kgo.Record{Key: []byte("order 7"), Headers: []siskin.Header{
		header("id", "1"), header("ID", "3"), header("id", "2"), header("empty", ""), header("then-empty", "x"), header("then-empty", ""),
	}}, false)
	blank := borrow(t, kgo.Record{Key: []byte{}}, false)
	for _, tt := range []struct {
		name string
		by   dedupe.By
		d    *siskin.Delivery
		id   string
		ok   bool
	}{
		{"position", dedupe.ByPosition(), bare, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", true},
		{"key", dedupe.ByKey(), full, "order 7", true},
		{"no key", dedupe.ByKey(), bare, "", false},
		{"an empty key", dedupe.ByKey(), blank, "", true},
		{"the last header counts", dedupe.ByHeader("id"), full, "2", true},
		{"names are exact", dedupe.ByHeader("Id"), full, "", false},
		{"no header", dedupe.ByHeader("id"), bare, "", false},
		{"an empty header", dedupe.ByHeader("empty"), full, "", false},
		{"the last one is empty", dedupe.ByHeader("then-empty"), full, "", false},
	} {
		id, ok := tt.by(tt.d)
		if ok != tt.ok || ok && string(id) != tt.id {
			t.Errorf("%s: got %q, %v; want %q, %v", tt.name, id, ok, tt.id, tt.ok)
		}
	}
}
