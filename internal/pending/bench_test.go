package pending_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/pending"
)

// BenchmarkCall is what a call costs beside its record: its seat, its id, its reply.
func BenchmarkCall(b *testing.B) {
	table := pending.NewTable(10)
	var seats pending.Seats
	answer := last("6")
	b.ReportAllocs()
	for b.Loop() {
		seat := seats.Take(time.Minute)
		var call pending.Call
		call.Init(seat.Replies, nil)
		id, err := table.Add(&call)
		if err != nil {
			b.Fatal(err)
		}
		table.Deliver(id, answer)
		<-call.Replies()
		table.Remove(&call)
		seats.Leave(seat)
	}
}
