package lane

// fifo is a queue of records. The zero value is empty.
type fifo struct {
	items []Turn
	first int
}

func (f *fifo) len() int { return len(f.items) - f.first }

func (f *fifo) push(it Turn) { f.items = append(f.items, it) }

// unshift puts a record before all others.
func (f *fifo) unshift(it Turn) {
	if f.first == 0 { // make room for as many again
		room := f.len() + 1
		f.items, f.first = append(make([]Turn, room, 2*room), f.items...), room
	}
	f.first--
	f.items[f.first] = it
}

func (f *fifo) head() Turn { return f.items[f.first] }

// pop takes the first item out and lets go of its record.
func (f *fifo) pop() Turn {
	it := f.items[f.first]
	f.items[f.first] = Turn{}
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
