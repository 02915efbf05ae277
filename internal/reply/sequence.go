package reply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrFinished is returned for a value sent after the sequence has ended.
var ErrFinished = errors.New("the reply has already ended")

// Sequence sends the replies to one request: values, then an end or an error.
// It holds the newest value back for a moment, so that the mark of the last
// reply can ride on it: a mark of its own reaches a NestJS client as one more
// value, null. Safe for concurrent use.
type Sequence struct {
	ctx       context.Context // while it lasts, Send may wait
	publisher *Publisher
	to        Address
	hold      time.Duration
	done      func(error)

	mu      sync.Mutex
	moved   chan struct{} // closed when it may go on; nil while no Send waits
	held    *flight
	closed  bool // End, Fail or Cancel was called
	broken  bool // a record is lost: what comes behind it is of no use
	begun   bool // the first record is on its way
	open    bool // the first record has landed, or its partition was known before
	waiting []*flight
	flying  int // records on their way to the broker, or waiting
	failed  error
	timer   *time.Timer
	ticking bool
	since   time.Time // when the held value came
	first   flight    // of the first value: most sequences have no other
}

// window is how many replies of one sequence may be on their way to the broker.
const window = 256

// NewSequence returns a sequence that holds a value back for at most hold, or
// until the end when hold is zero, as is right for a single reply. After End,
// Fail or Cancel, done is called once, when every record has landed or its
// deadline has passed, with the first error among them. When nothing is on its
// way, End, Fail and Cancel call it themselves, without a lock.
//
// ctx bounds only how long Send waits. It ends nothing that is on its way.
func NewSequence(ctx context.Context, p *Publisher, to Address, hold time.Duration, done func(error)) *Sequence {
	s := &Sequence{}
	s.Init(ctx, p, to, hold, done)
	return s
}

// Init is NewSequence for a Sequence that is a part of something else. It must be
// the zero value.
func (s *Sequence) Init(ctx context.Context, p *Publisher, to Address, hold time.Duration, done func(error)) {
	s.ctx, s.publisher, s.to, s.hold, s.done = ctx, p, to, hold, done
}

// To is where the replies go.
func (s *Sequence) To() Address { return s.to }

// Send queues one encoded value. It blocks while too many earlier values are on
// their way, and with a hold also while the destination has no room: a stream
// goes as fast as its reader's partition. It returns the error of the context
// when that ends first, and an error that wraps ErrFinished when the sequence
// has ended, also because a record was lost.
func (s *Sequence) Send(value []byte) error { return s.SendMessage(Message{Value: value}) }

// Message is a value with what its handler puts beside it.
type Message struct {
	Value []byte
	Key   []byte
	// Headers go before those of the dialect.
	Headers []kgo.RecordHeader
}

// SendMessage is Send for a value with a key or headers.
func (s *Sequence) SendMessage(m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.newFlight(m.Value, false)
	f.take(m)
	if err := s.admit(f); err != nil {
		return err
	}
	if s.hold == 0 && s.held == nil { // a single reply: its end sends it at once
		s.held = f
		return nil
	}
	now := time.Now()
	s.flush(false, now)
	if s.broken {
		s.drop(f)
		return s.refusal()
	}
	s.held, s.since = f, now
	if s.hold > 0 {
		s.wake(s.hold)
	}
	return nil
}

// wake makes look run in a moment. A timer that runs is left alone, which is most of
// them when values come fast: look sets it anew.
func (s *Sequence) wake(after time.Duration) {
	switch {
	case s.ticking:
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(after, s.look)
	default:
		s.timer.Reset(after)
	}
	s.ticking = true
}

// look sends the held value when it has waited for long enough.
func (s *Sequence) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticking = false
	if s.over() || s.held == nil {
		return
	}
	now := time.Now()
	if left := s.hold - now.Sub(s.since); left > 0 {
		s.wake(left)
		return
	}
	s.flush(false, now)
}

// flush sends the held value, if there is one.
func (s *Sequence) flush(last bool, now time.Time) {
	if f := s.held; f != nil {
		s.held = nil
		f.label(dialect.Reply{Last: last})
		s.send(f, now)
	}
}

// sendEnding sends a record without a value: f, or one that has not waited for
// room.
func (s *Sequence) sendEnding(f *flight, fault *dialect.Fault) {
	if f == nil {
		f = s.newFlight(nil, true)
		f.size += sizeOf(fault)
	}
	f.label(dialect.Reply{Fault: fault, Last: true})
	s.send(f, time.Now())
}

// send puts one record on its way. The caller holds the lock, which keeps the
// order: the Kafka client buffers a record before produce returns.
//
// The first record goes alone, and only it is tried again: its partition may not
// be known yet, and were others under way, they could overtake it. When it has
// landed the partition is known, and the Kafka client keeps the order by itself. A
// stream to a partition that is known before goes without that wait.
func (s *Sequence) send(f *flight, now time.Time) {
	if s.broken {
		s.drop(f)
		return
	}
	f.record.Timestamp = now // or the Kafka client would ask for the time as well
	var until time.Time
	switch {
	case !s.begun:
		s.open = s.hold > 0 && f.proven
		until, f.patient = s.firstDeadline(now), !s.open
	case s.open:
		until = now.Add(s.publisher.limits.Unstated)
	}
	if f.to == nil {
		if !s.publisher.rooms.enter(s.at(), f, until) {
			s.lose(ErrDestinationFull)
			return
		}
	} else if !until.IsZero() {
		s.publisher.rooms.depart(f, until)
	}
	s.flying++
	if until.IsZero() {
		s.waiting = append(s.waiting, f)
		return
	}
	s.begun = true
	s.publisher.produce(f)
}

// firstDeadline is how long the first record is tried: its caller waits no
// longer for it. Later ones have time of their own, since a stream's caller
// says only how long it waits for the first.
func (s *Sequence) firstDeadline(now time.Time) time.Time {
	if s.to.Until.IsZero() {
		return now.Add(s.publisher.limits.Unstated)
	}
	if least := now.Add(lastChance); s.to.Until.Before(least) {
		return least
	}
	return s.to.Until
}

func (s *Sequence) at() address {
	return address{topic: s.to.Request.ReplyTopic, partition: s.to.Request.ReplyPartition}
}

// over reports whether no further value can be sent.
func (s *Sequence) over() bool { return s.closed || s.broken }

func (s *Sequence) refusal() error {
	if s.failed != nil {
		return fmt.Errorf("%w: %w", ErrFinished, s.failed)
	}
	return ErrFinished
}

// End finishes the sequence without an error. When the held value has already
// left, or there was none, the mark goes out alone, without a value.
func (s *Sequence) End() {
	only := s.onlyEnding(nil)
	s.close(func() {
		if s.held == nil {
			s.sendEnding(only, nil)
		}
		s.flush(true, time.Now())
	}, only)
}

// Fail finishes the sequence with an error, after the values sent so far.
func (s *Sequence) Fail(fault *dialect.Fault) {
	only := s.onlyEnding(fault)
	s.close(func() {
		s.flush(false, time.Now())
		if !s.broken {
			s.sendEnding(only, fault)
		}
	}, only)
}

// onlyEnding returns the ending of a single reply without a value, after it has
// waited for room like a value. It is nil for all others, which have the room
// that is kept for endings.
func (s *Sequence) onlyEnding(fault *dialect.Fault) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold > 0 || s.held != nil || s.over() {
		return nil
	}
	f := s.newFlight(nil, true)
	f.size += sizeOf(fault)
	_ = s.admit(f) // without room it is lost when it leaves
	return f
}

// sizeOf is what an error brings to the reply that it is told in.
func sizeOf(f *dialect.Fault) int64 {
	if f == nil {
		return 0
	}
	return int64(len(f.Message) + len(f.Details))
}

// Cancel finishes the sequence without telling the caller.
func (s *Sequence) Cancel() { s.close(func() {}, nil) }

// Abandon ends the sequence without telling anybody: done is not called. It
// reports whether the sequence was still open.
func (s *Sequence) Abandon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed, s.done = true, func(error) {}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.dropHeld()
	s.move()
	return true
}

// close ends the sequence once, with the records that last sends. Its ending, if
// there is one already, gives its room back when it is not sent.
func (s *Sequence) close(last func(), ending *flight) {
	s.mu.Lock()
	if s.closed || s.broken {
		s.drop(ending)
	}
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	if !s.broken {
		last()
	}
	s.dropHeld()
	s.move()
	landed, failed := s.flying == 0, s.failed
	s.mu.Unlock()
	if landed {
		s.done(failed)
	}
}

// landed is called when a record has landed or is late, on a goroutine that
// holds no lock.
func (s *Sequence) landed(err error) {
	s.mu.Lock()
	s.flying--
	if err != nil && !s.broken {
		s.lose(err)
	}
	s.open = true
	for _, f := range s.waiting {
		f.record.Timestamp = time.Now() // the Kafka client's own limit counts from it
		s.publisher.rooms.depart(f, f.record.Timestamp.Add(s.publisher.limits.Unstated))
		s.publisher.produce(f)
	}
	s.waiting = nil
	landed, failed := s.closed && s.flying == 0, s.failed
	s.move()
	s.mu.Unlock()
	if landed {
		s.done(failed)
	}
}
