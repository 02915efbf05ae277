package dedupe_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
)

func answer(_ context.Context, _ *siskin.Delivery, reply func(any) error) error {
	return reply("answer")
}

// BenchmarkHit is a duplicate whose outcome is in memory.
func BenchmarkHit(b *testing.B) {
	d := requestDelivery(b)
	h := once(b, dedupe.Config{By: dedupe.ByPosition()})(answer)
	_ = h(b.Context(), d, discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := h(b.Context(), d, discard); err != nil {
			b.Fatal(err)
		}
	}
}

// fresh knows no record again.
func fresh() dedupe.By {
	n := uint64(0)
	return func(*siskin.Delivery) ([]byte, bool) {
		n++
		return binary.BigEndian.AppendUint64(nil, n), true
	}
}

// BenchmarkMiss is a record that is no duplicate, with a full memory.
func BenchmarkMiss(b *testing.B) {
	d := requestDelivery(b)
	h := once(b, dedupe.Config{Name: "n", By: fresh(), Store: memory(b, dedupe.Bounds{Entries: 1_000})})(answer)
	b.ReportAllocs()
	for b.Loop() {
		if err := h(b.Context(), d, discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBare is the handler without the middleware.
func BenchmarkBare(b *testing.B) {
	d := requestDelivery(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := answer(b.Context(), d, discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTopicMiss is a record that is no duplicate, with a store on a topic, one
// after the other.
func BenchmarkTopicMiss(b *testing.B) {
	cfg := siskintest.Config(b)
	d := requestDelivery(b)
	h := once(b, dedupe.Config{
		Name: "n", By: fresh(), Store: topicStore(b, cfg, siskintest.Name("outcomes"), dedupe.Bounds{Entries: 1_000}),
	})(answer)
	b.ReportAllocs()
	for b.Loop() {
		if err := h(b.Context(), d, discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTopicMisses is the same with many records at once, which share marks.
func BenchmarkTopicMisses(b *testing.B) {
	cfg := siskintest.Config(b)
	store := topicStore(b, cfg, siskintest.Name("outcomes"), dedupe.Bounds{Entries: 1_000})
	b.ReportAllocs()
	b.SetParallelism(256)
	b.RunParallel(func(pb *testing.PB) {
		next := fresh()
		var id dedupe.ID
		copy(id[:], siskintest.Name(""))
		for pb.Next() {
			raw, _ := next(nil)
			copy(id[16:], raw)
			if _, known, err := store.Find(b.Context(), id); known || err != nil {
				b.Error(known, err)
				return
			}
			if err := store.Remember(b.Context(), id, value(10)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
