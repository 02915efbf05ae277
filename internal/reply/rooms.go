package reply

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The bounds on what may be on its way. An owned request partition holds at most
// Config.UncommittedLimit (10,000) unanswered requests. When all of them are one
// destination's, the last wait in their handlers for the answers to the first.
const (
	// mostRecords is how many replies to one destination may be on their way.
	mostRecords = 8_192
	// allBytes is how large all replies on their way may be together; one
	// destination alone gets 22 MiB of it.
	allBytes = 512 << 20
	// reserved is the part of all room, one in so many, that is kept for the
	// floors of destinations.
	reserved = 4
	// floors is how many destinations have a floor: room that no other can
	// take. It is small, and enough for one whose leader answers.
	floors = 400
	// share is the part, one in so many, that one destination may take of the
	// rest that is still free. Those that stand still so leave the others
	// less and less, but never nothing at once: 20 of them a third, 40 a tenth.
	share = 16
	// spare is the part of a destination's room, one in so many, that is left
	// to the ends of streams and to errors: values cannot keep them out.
	spare = 8
	// overhead is what a reply takes beside its value: headers and buffers.
	overhead = 512
	// remembered is how many idle destinations are kept, which saves making
	// them anew for each reply. Requests name destinations, so that without a
	// bound anybody could fill the memory.
	remembered = 1_024
)

// rooms knows what is on its way to each destination. Safe for concurrent use.
type rooms struct {
	limit usage           // of all destinations together
	floor usage           // of each
	late  func([]*flight) // called without the lock for flights whose deadline has passed

	mu     sync.Mutex
	used   usage // by all destinations together
	shared usage // of that, what is above floors
	known  map[address]*destination
}

// newRooms returns rooms that leave a part of what client buffers to others,
// such as dead letters.
func newRooms(client *kgo.Client, late func([]*flight)) *rooms {
	limit := usage{records: 50_000, bytes: allBytes}
	if n, ok := client.OptValue(kgo.MaxBufferedRecords).(int64); ok && n > 0 {
		limit.records = n * 4 / 5
	}
	if n, ok := client.OptValue(kgo.MaxBufferedBytes).(int64); ok && n > 0 {
		limit.bytes = min(limit.bytes, n*4/5)
	}
	return makeRooms(limit, late)
}

func makeRooms(limit usage, late func([]*flight)) *rooms {
	return &rooms{
		limit: limit, late: late, known: make(map[address]*destination),
		floor: usage{
			records: max(limit.records/reserved/floors, 1),
			bytes:   max(limit.bytes/reserved/floors, 1),
		},
	}
}

// enter gives f room at its destination and reports whether there was some. With
// a deadline, f is also tracked.
func (r *rooms) enter(to address, f *flight, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tryEnter(to, f, until)
}

// refusal is what one who finds no room can wait for.
type refusal struct {
	freed   <-chan struct{} // closed when there is room; nil when only others can make it
	moves   uint64          // replies that have left the destination so far
	stalled bool            // none has for a while
}

// enterOrWait is enter without a deadline for those who can wait. It returns nil
// when there was room.
func (r *rooms) enterOrWait(to address, f *flight) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tryEnter(to, f, time.Time{}) {
		return nil
	}
	d := r.known[to]
	if d == nil || d.used.records == 0 {
		return &refusal{}
	}
	if d.freed == nil {
		d.freed = make(chan struct{})
	}
	return &refusal{freed: d.freed, moves: d.moves, stalled: d.stalled}
}

// stall notes that no reply has left a destination since it had made so many
// moves. The next one that does takes the note back.
func (r *rooms) stall(to address, moves uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.known[to]; d != nil && d.moves == moves {
		d.stalled = true
	}
}

func (r *rooms) tryEnter(to address, f *flight, until time.Time) bool {
	d, known := r.known[to]
	if !known {
		d = &destination{address: to}
	}
	if !r.fits(d, f) {
		return false
	}
	if !known {
		r.known[to] = d
	}
	f.to, f.proven = d, d.proven
	r.count(d, 1, f.size)
	if !until.IsZero() {
		r.track(f, until)
	}
	return true
}

// free wakes those who wait for d, when it is worth it: not for each single
// place.
func (r *rooms) free(d *destination) {
	most := r.most()
	if d.freed != nil && d.used.records <= most.records/2 && d.used.bytes <= most.bytes/2 {
		close(d.freed)
		d.freed = nil
	}
}

func (r *rooms) fits(d *destination, f *flight) bool {
	if r.used.records >= r.limit.records || r.used.records > 0 && r.used.bytes+f.size > r.limit.bytes {
		return false
	}
	if d.used.records == 0 {
		return true // also when it is larger than any share
	}
	most := r.most()
	if !f.ending {
		most.records -= most.records / spare
		most.bytes -= most.bytes / spare
	}
	return d.used.records < most.records && d.used.bytes+f.size <= most.bytes
}

// most is how much one destination may hold now.
func (r *rooms) most() usage {
	left := r.limit.minus(usage{r.limit.records / reserved, r.limit.bytes / reserved}).above(r.shared)
	return usage{
		records: min(mostRecords, r.floor.records+left.records/share),
		bytes:   r.floor.bytes + left.bytes/share,
	}
}

// count notes what came to d, or left it.
func (r *rooms) count(d *destination, records, bytes int64) {
	r.shared = r.shared.minus(d.used.above(r.floor))
	d.used = d.used.plus(usage{records, bytes})
	r.shared = r.shared.plus(d.used.above(r.floor))
	r.used = r.used.plus(usage{records, bytes})
}

// depart tracks a flight that has room already.
func (r *rooms) depart(f *flight, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.track(f, until)
}

// track makes f late at until, unless it leaves before.
func (r *rooms) track(f *flight, until time.Time) {
	f.until = until
	f.to.under.push(f)
	r.wake(f.to, until)
}

// wake sets the timer of d to run out at the time given, if not before. As
// deadlines come mostly in order, a busy destination's timer is set once, and
// again only when it has run out.
func (r *rooms) wake(d *destination, at time.Time) {
	if !d.alarm.IsZero() && !at.Before(d.alarm) {
		return
	}
	d.alarm = at
	if d.timer == nil {
		d.timer = time.AfterFunc(time.Until(at), func() { r.expire(d) })
		return
	}
	d.timer.Reset(time.Until(at))
}

// expire ends what is late at d. It keeps its room until the Kafka client lets
// go of it: a record that a broker may have seen cannot be taken back.
func (r *rooms) expire(d *destination) {
	var late []*flight
	r.mu.Lock()
	d.alarm = time.Time{}
	now, earliest := time.Now(), time.Time{}
	for f := d.under.first; f != nil; {
		next := f.next
		switch {
		case !f.until.After(now):
			d.under.remove(f)
			f.ended = true
			late = append(late, f)
		case earliest.IsZero() || f.until.Before(earliest):
			earliest = f.until
		}
		f = next
	}
	if !earliest.IsZero() {
		r.wake(d, earliest)
	}
	r.mu.Unlock()
	if len(late) > 0 {
		r.late(late)
	}
}

// leave gives the room of f back. It reports whether f ends with that, and has
// not already ended by its deadline.
func (r *rooms) leave(f *flight) (ends bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.release(f)
}

// land is leave for a record that the Kafka client has done with.
func (r *rooms) land(f *flight, stored bool) (ends bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.to.proven = stored
	return r.release(f)
}

// doubt notes that a destination may not be what it was.
func (r *rooms) doubt(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.to.proven = false
}

func (r *rooms) release(f *flight) (ends bool) {
	ends, f.ended = !f.ended, true
	d := f.to
	d.moves++
	d.stalled = false
	d.under.remove(f)
	r.count(d, -1, -f.size)
	r.free(d)
	if d.used.records == 0 && len(r.known) > remembered {
		if d.timer != nil {
			d.timer.Stop()
		}
		delete(r.known, d.address)
	}
	return ends
}

// isEnded reports whether the deadline of f has passed.
func (r *rooms) isEnded(f *flight) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.ended
}

// idle reports whether nothing is on its way to any partition of topic.
func (r *rooms) idle(topic string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, d := range r.known {
		if a.topic == topic && d.used.records > 0 {
			return false
		}
	}
	return true
}
