package main

// order looks at each key in each generation: its records must begin in the order
// of their offsets, and where order is asked not before an earlier one has its
// final outcome. What another generation does is another history: what was not
// committed is done again there.
func (b *book) order() {
	for _, m := range b.lives {
		for _, t := range m.terms {
			mode, event := modeOf(t.Topic)
			last := make(map[string]*run)
			for _, r := range t.firsts {
				if event && !mode.ordered && r.first > 1 {
					continue // it comes from the retry topic, where no order is asked
				}
				before := last[r.key]
				last[r.key] = r
				if r.gaps > 0 && (!event || mode.place) || r.fine > 1 {
					b.fault(miscounted, "%v: %s", r.of, r)
				}
				if before == nil {
					continue
				}
				if r.of.Offset < before.of.Offset {
					b.fault(outOfOrder, "%s: offset %d of %v (%s) began behind %d",
						m.name, r.of.Offset, r.of.place, r.key, before.of.Offset)
				}
				if event && mode.ordered && (before.done == 0 || before.done > r.order) {
					b.fault(overtaken, "%s: offset %d of %v (%s) began before the end of %d",
						m.name, r.of.Offset, r.of.place, r.key, before.of.Offset)
				}
			}
		}
	}
}
