package lane

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A record keeps all that was fetched with it in memory, so it must not be kept by a
// place in a slice.
func TestBacklogLetsGoOfPieces(t *testing.T) {
	t.Parallel()
	var b backlog
	b.push(piece{}) // is none
	for i := range 3 {
		b.push(piece{records: []*kgo.Record{{Offset: int64(2 * i)}, {Offset: int64(2*i + 1)}}, keys: []uint64{1, 3}, mark: uint64(10 * i)})
	}
	for i := range 6 {
		if b.len() != 6-i {
			t.Errorf("there are %d records, want %d", b.len(), 6-i)
		}
		want := Turn{Mark: uint64(10*(i/2) + i%2), key: uint64(1 + 2*(i%2))}
		if got := b.pop(); got.Record.Offset != int64(i) || got.Mark != want.Mark || got.key != want.key {
			t.Errorf("record %d is %+v with the offset %d, want %+v", i, got, got.Record.Offset, want)
		}
		held := 0
		for _, p := range b.pieces.items[:cap(b.pieces.items)] {
			if p.records != nil {
				held++
			}
		}
		if want := 3 - (i+1)/2; held != want || b.pieces.len() != want {
			t.Errorf("after %d of 6 records %d pieces are held, want %d", i+1, held, want)
		}
	}
}
