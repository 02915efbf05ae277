package reply

import (
	"errors"
	"time"
)

// ErrDestinationFull is the end of a reply whose destination has no room: too
// many replies to the same partition are on their way, because its leader is
// dead or slower than the handlers. Other destinations have room of their own.
var ErrDestinationFull = errors.New("too many replies to this partition are on their way")

// ErrLate is the end of a reply that was not stored before its deadline. The
// Kafka client may still store it later, when nobody waits for it any more.
var ErrLate = errors.New("the reply was not stored before its deadline")

// address is where a destination is. Partition is dialect.NoPartition for
// replies that may go to any partition of the topic.
type address struct {
	topic     string
	partition int32
}

// usage is what replies on their way take up.
type usage struct {
	records int64
	bytes   int64
}

func (u usage) plus(v usage) usage { return usage{u.records + v.records, u.bytes + v.bytes} }

func (u usage) minus(v usage) usage { return usage{u.records - v.records, u.bytes - v.bytes} }

// above is what u has more than v.
func (u usage) above(v usage) usage {
	return usage{max(u.records-v.records, 0), max(u.bytes-v.bytes, 0)}
}

// destination is one partition of a reply topic, with the replies that are on
// their way there. Its rooms' lock guards it.
type destination struct {
	address
	used  usage
	under list
	// proven is true while the last reply that ended here was stored.
	proven bool
	// freed is closed when there is room again; nil while nobody waits.
	freed chan struct{}
	// moves counts the replies that have left; stalled is set when none did for
	// a while although somebody waited.
	moves   uint64
	stalled bool
	// timer runs out at alarm, the earliest deadline; alarm is zero while it
	// does not run.
	timer *time.Timer
	alarm time.Time
}

// list is the flights with a deadline, linked through themselves so that
// nothing is allocated.
type list struct{ first, last *flight }

func (l *list) push(f *flight) {
	f.linked, f.before = true, l.last
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

func (l *list) remove(f *flight) {
	if !f.linked {
		return
	}
	if f.before == nil {
		l.first = f.next
	} else {
		f.before.next = f.next
	}
	if f.next == nil {
		l.last = f.before
	} else {
		f.next.before = f.before
	}
	f.linked, f.before, f.next = false, nil, nil
}
