package commit

// Snapshot is Position, and which records behind it are done: a bit for each of the
// next limit offsets, the lowest bit first; the end is left off where nothing is done.
func (p *Partition) Snapshot(limit int) (offset int64, epoch int32, done []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for m := p.first; m < p.next; m++ {
		e := p.at(m)
		i := e.offset - p.position
		if i >= int64(limit) {
			break
		}
		if !e.done {
			continue
		}
		for int64(len(done)) <= i/8 {
			done = append(done, 0)
		}
		done[i/8] |= 1 << (i % 8)
	}
	return p.position, p.epoch, done
}
