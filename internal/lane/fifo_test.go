package lane

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A record keeps all that was fetched with it in memory.
func TestFifoLetsGoOfWhatWasTakenOut(t *testing.T) {
	t.Parallel()
	const records = 5000
	var f fifo[Turn]
	for i := range records {
		f.push(Turn{Record: &kgo.Record{Offset: int64(i)}})
	}
	for i := range records {
		if got := f.pop().Record.Offset; got != int64(i) {
			t.Fatalf("record %d came as number %d", got, i)
		}
		held := 0
		for _, it := range f.items[:cap(f.items)] {
			if it.Record != nil {
				held++
			}
		}
		if held != f.len() || held != records-i-1 {
			t.Fatalf("after %d of %d records %d are held, and %d wait", i+1, records, held, f.len())
		}
	}
}
