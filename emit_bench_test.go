package siskin_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
)

// BenchmarkEmit is what one event costs its sender and the embedded broker together, by
// how many are in flight.
func BenchmarkEmit(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) { benchmarkEmit(b, senders) })
	}
}

func benchmarkEmit(b *testing.B, senders int) {
	cfg := siskintest.Config(b)
	cfg.Logger = slog.New(slog.DiscardHandler)
	topic, client := siskin.NewEvent[string](siskintest.Name("events")), siskintest.Client(b, cfg)
	text := strings.Repeat("x", 200)
	inFlight(b, senders, func() {
		if _, err := topic.Emit(b.Context(), client, text); err != nil {
			b.Error(err)
		}
	})
}
