package retry

import "container/heap"

// order is a heap of items in which each knows its place, so that it can be taken
// out from anywhere.
type order struct {
	items []*item
	place place
	less  func(a, b *item) bool
}

// place is which of an item's places belongs to the heap.
type place uint8

const (
	inReady place = iota
	inResting
	inAhead
	places
)

func (o *order) Len() int           { return len(o.items) }
func (o *order) Less(i, j int) bool { return o.less(o.items[i], o.items[j]) }

func (o *order) Swap(i, j int) {
	o.items[i], o.items[j] = o.items[j], o.items[i]
	o.items[i].places[o.place], o.items[j].places[o.place] = i+1, j+1
}

// Push and Pop are for package heap; put and take are for the queue.
func (o *order) Push(x any) {
	it := x.(*item)
	o.items = append(o.items, it)
	it.places[o.place] = len(o.items)
}

func (o *order) Pop() any {
	last := len(o.items) - 1
	it := o.items[last]
	o.items[last] = nil
	o.items = o.items[:last]
	it.places[o.place] = 0
	return it
}

// put sees to it that it is in the heap, at the place that it has now, or not in it.
func (o *order) put(it *item, in bool) {
	at := it.places[o.place] - 1
	switch {
	case in && at < 0:
		heap.Push(o, it)
	case in:
		heap.Fix(o, at)
	case at >= 0:
		heap.Remove(o, at)
	}
}

func (o *order) first() *item {
	if len(o.items) == 0 {
		return nil
	}
	return o.items[0]
}
