package route_test

import (
	"fmt"
	"testing"

	"github.com/siskin-go/siskin/internal/route"
)

// Finding the handler of a record costs the same whatever the number of handlers.
func BenchmarkFind(b *testing.B) {
	for _, handlers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("handlers=%d", handlers), func(b *testing.B) {
			var table route.Table[int]
			var topics []string
			for i := range handlers {
				topics = append(topics, fmt.Sprintf("orders.created.%d", i))
				*table.At(topics[i]) = i
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if table.Find(topics[n]) == nil {
					b.Fatal("not found")
				}
				if n++; n == handlers {
					n = 0
				}
			}
		})
	}
}
