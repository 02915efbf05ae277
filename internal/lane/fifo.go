package lane

// fifo is a queue. The zero value is empty.
type fifo[T any] struct {
	items []T
	first int
}

func (f *fifo[T]) len() int { return len(f.items) - f.first }

func (f *fifo[T]) push(it T) { f.items = append(f.items, it) }

// unshift puts an item before all others.
func (f *fifo[T]) unshift(it T) {
	if f.first == 0 { // make room for as many again
		room := f.len() + 1
		f.items, f.first = append(make([]T, room, 2*room), f.items...), room
	}
	f.first--
	f.items[f.first] = it
}

// head is the first item, in its place.
func (f *fifo[T]) head() *T { return &f.items[f.first] }

// pop takes the first item out and lets go of its records.
func (f *fifo[T]) pop() T {
	it := f.items[f.first]
	clear(f.items[f.first : f.first+1])
	f.first++
	if f.first == len(f.items) {
		f.items, f.first = f.items[:0], 0
	} else if f.first >= 1024 && 2*f.first >= len(f.items) {
		n := copy(f.items, f.items[f.first:])
		clear(f.items[n:]) // each record keeps all that was fetched with it
		f.items, f.first = f.items[:n], 0
	}
	return it
}
