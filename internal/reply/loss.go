package reply

import (
	"time"

	"github.com/siskin-go/siskin/dialect"
)

// tooLarge and cutOff tell the caller why no further value comes.
var (
	tooLarge = &dialect.Fault{Code: "internal", Message: "the reply is larger than the broker accepts"}
	cutOff   = &dialect.Fault{Code: "unavailable", Message: "a reply in the middle was lost, so the rest is not sent"}
)

// lose ends the sequence after a lost record. The caller is told where it can be.
func (s *Sequence) lose(err error) {
	s.failed, s.broken = err, true
	s.flying -= len(s.waiting)
	for _, f := range s.waiting {
		s.drop(f)
	}
	s.waiting = nil
	s.dropHeld()
	if why := s.lastWord(err); why != nil {
		s.tell(why)
	}
	s.move()
}

// lastWord is what the caller gets after a lost record, or nil when nothing can
// reach it. When the first record was lost for a passing reason, its time has
// passed as well, or its destination is full: there is nobody to tell.
func (s *Sequence) lastWord(err error) *dialect.Fault {
	switch {
	case TooLarge(err):
		return tooLarge
	case !s.open || Permanent(err):
		return nil
	}
	return cutOff
}

// tell sends the last word. It is tried for as long as a destination is looked
// for, and is not worth more: the caller also notices by itself.
func (s *Sequence) tell(why *dialect.Fault) {
	f := s.newFlight(nil, true)
	f.label(dialect.Reply{Fault: why, Last: true})
	f.patient = true
	until := time.Now().Add(max(s.publisher.limits.Missing, lastChance))
	if s.publisher.rooms.enter(s.at(), f, until) {
		s.flying++
		s.publisher.produce(f)
	}
}

// drop gives up a record that was not sent, if there is one.
func (s *Sequence) drop(f *flight) {
	if f != nil && f.to != nil {
		s.publisher.rooms.leave(f)
	}
}

func (s *Sequence) dropHeld() {
	s.drop(s.held)
	s.held = nil
}
