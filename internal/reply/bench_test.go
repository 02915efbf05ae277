package reply_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/reply"
)

// BenchmarkReply is one reply from the value to the broker's answer, with as
// many under way as a busy service has.
func BenchmarkReply(b *testing.B) {
	bench := setup(b, wait)
	free := make(chan struct{}, 1_000)
	done := func(err error) {
		if err != nil {
			b.Error(err)
		}
		<-free
	}
	ctx, addr, value := b.Context(), to(0), []byte("6")
	b.ReportAllocs()
	for b.Loop() {
		free <- struct{}{}
		s := reply.NewSequence(ctx, bench.Publisher, addr, 0, done)
		if err := s.Send(value); err != nil {
			b.Fatal(err)
		}
		s.End()
	}
	for range cap(free) {
		free <- struct{}{}
	}
}
