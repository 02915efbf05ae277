package lane

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// backlog is the records that have not been looked at, in the order of their offsets.
// They stay in the slices in which they came: to copy them, and to let go of each when
// its turn has come, is work for the garbage collector too. The zero value is empty.
type backlog struct {
	pieces fifo[piece]
	size   int
}

// piece is records with consecutive marks. It is kept until all of them are gone: they
// were fetched together, so each of them keeps all anyway.
type piece struct {
	records []*kgo.Record
	keys    []uint64 // of records; nil when they have none
	mark    uint64
	came    time.Duration
}

// key is that of one of the records.
func (p *piece) key(i int) uint64 {
	if p.keys == nil {
		return none
	}
	return p.keys[i]
}

// skip lets go of the first records.
func (p *piece) skip(n int) {
	p.records, p.mark = p.records[n:], p.mark+uint64(n)
	if p.keys != nil {
		p.keys = p.keys[n:]
	}
}

func (b *backlog) len() int { return b.size }

func (b *backlog) push(p piece) {
	if len(p.records) > 0 {
		b.pieces.push(p)
		b.size += len(p.records)
	}
}

// head is what is first, and what came with it.
func (b *backlog) head() *piece { return b.pieces.head() }

// pop takes the first record out.
func (b *backlog) pop() Turn {
	p := b.head()
	t := Turn{Record: p.records[0], Mark: p.mark, key: p.key(0), came: p.came}
	b.skip(1)
	return t
}

// skip takes records out that came together.
func (b *backlog) skip(n int) {
	b.size -= n
	if p := b.head(); n < len(p.records) {
		p.skip(n)
		return
	}
	b.pieces.pop()
}
