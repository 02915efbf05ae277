package lane

import "github.com/twmb/franz-go/pkg/kgo"

// item is one record in a lane.
type item struct {
	rec  *kgo.Record
	mark uint64
	key  uint64 // hash of the key, or none
}

// fifo is a queue of items. The zero value is empty.
type fifo struct {
	items []item
	first int
}

func (f *fifo) len() int { return len(f.items) - f.first }

func (f *fifo) push(it item) { f.items = append(f.items, it) }

func (f *fifo) head() item { return f.items[f.first] }

// pop takes the first item out and lets go of its record.
func (f *fifo) pop() item {
	it := f.items[f.first]
	f.items[f.first] = item{}
	f.first++
	if f.first == len(f.items) {
		f.items, f.first = f.items[:0], 0
	} else if f.first >= 1024 && 2*f.first >= len(f.items) {
		f.items, f.first = f.items[:copy(f.items, f.items[f.first:])], 0
	}
	return it
}
