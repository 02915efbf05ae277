package reply

import (
	"errors"
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
	publisher *Publisher
	to        Address
	hold      time.Duration
	done      func(error)

	mu      sync.Mutex
	idle    sync.Cond
	held    []byte
	holding bool
	closed  bool // End, Fail or Cancel was called
	broken  bool // a record is lost: what comes behind it is of no use
	begun   bool // the first record is on its way
	open    bool // the first record has landed
	waiting []*kgo.Record
	flying  int // records on their way to the broker, or waiting
	failed  error
	timer   *time.Timer
	since   time.Time // when the held value came
}

// window is how many replies of one sequence may be on their way to the broker.
const window = 256

// NewSequence returns a sequence that holds a value back for at most hold, or
// until the end when hold is zero. After End, Fail or Cancel, done is called
// once, when every record has landed, with the first error among them.
func NewSequence(p *Publisher, to Address, hold time.Duration, done func(error)) *Sequence {
	s := &Sequence{publisher: p, to: to, hold: hold, done: done}
	s.idle.L = &s.mu
	return s
}

// Send queues one encoded value. It blocks while too many earlier values are on
// their way.
func (s *Sequence) Send(value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.flying >= window && !s.over() {
		s.idle.Wait()
	}
	if s.over() {
		return ErrFinished
	}
	if s.holding {
		s.flush(false)
	}
	s.held, s.holding = value, true
	if s.hold > 0 {
		s.since = time.Now()
		s.startTimer()
	}
	return nil
}

func (s *Sequence) startTimer() {
	if s.timer != nil {
		s.timer.Reset(s.hold)
		return
	}
	s.timer = time.AfterFunc(s.hold, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// It may fire just when a newer value has come, which waits anew.
		if s.holding && !s.over() && time.Since(s.since) >= s.hold {
			s.flush(false)
		}
	})
}

// flush sends the held value.
func (s *Sequence) flush(last bool) {
	value := s.held
	s.held, s.holding = nil, false
	s.send(record(s.to, value, dialect.Reply{Last: last}))
}

// send puts one record on its way. The caller holds the lock, which keeps the
// order: the Kafka client buffers a record before Once returns.
//
// The first record goes alone, and only it is tried again: its partition may not
// be known yet, and were others under way, they could overtake it. When it has
// landed the partition is known, and the Kafka client keeps the order by itself.
func (s *Sequence) send(rec *kgo.Record) {
	s.flying++
	switch {
	case !s.begun:
		s.begun = true
		s.publisher.Patiently(rec, s.landed)
	case !s.open:
		s.waiting = append(s.waiting, rec)
	default:
		s.publisher.Once(rec, s.landed)
	}
}

// over reports whether no further value can be sent.
func (s *Sequence) over() bool { return s.closed || s.broken }

// End finishes the sequence without an error. When the held value has already
// left, or there was none, the mark goes out alone, without a value.
func (s *Sequence) End() { s.close(func() { s.flush(true) }) }

// Fail finishes the sequence with an error, after the values sent so far.
func (s *Sequence) Fail(fault *dialect.Fault) {
	s.close(func() {
		if s.holding {
			s.flush(false)
		}
		s.send(record(s.to, nil, dialect.Reply{Fault: fault, Last: true}))
	})
}

// Cancel finishes the sequence without telling the caller.
func (s *Sequence) Cancel() { s.close(func() {}) }

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
	s.idle.Broadcast()
	return true
}

// close ends the sequence once, with the records that last sends.
func (s *Sequence) close(last func()) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.idle.Broadcast()
	if !s.broken {
		last()
	}
	landed, failed := s.flying == 0, s.failed
	s.mu.Unlock()
	if landed {
		s.done(failed)
	}
}

// landed is called by the Kafka client on a goroutine of its own, so it may
// take the lock.
func (s *Sequence) landed(err error) {
	s.mu.Lock()
	s.flying--
	if err != nil && !s.broken {
		s.fail(err)
	}
	s.open = true
	for _, rec := range s.waiting {
		s.publisher.Once(rec, s.landed)
	}
	s.waiting = nil
	landed, failed := s.closed && s.flying == 0, s.failed
	s.idle.Signal()
	s.mu.Unlock()
	if landed {
		s.done(failed)
	}
}

// fail ends the sequence after a lost record. The caller is told where it can be.
func (s *Sequence) fail(err error) {
	s.failed, s.broken = err, true
	s.flying -= len(s.waiting)
	s.waiting = nil
	if TooLarge(err) {
		s.flying++
		s.publisher.Once(record(s.to, nil, dialect.Reply{Fault: tooLarge, Last: true}), s.landed)
	}
	s.idle.Broadcast()
}

// tooLarge tells the caller why it gets no value.
var tooLarge = &dialect.Fault{Code: "internal", Message: "the reply is larger than the broker accepts"}
