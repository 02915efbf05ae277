package reply

import (
	"context"
	"time"
)

// stallAfter is how long a full destination may stand still before single replies
// no longer wait for it. The leader of a partition that lives answers within
// milliseconds.
const stallAfter = 2 * time.Second

// admit waits until a reply may be sent, and gives it its room. A handler so goes
// no faster than the broker stores its replies, and a burst of them loses none.
//
// A stream waits for as long as one of its replies is tried. A single reply waits
// only while its destination moves: when that stands still, admit returns without
// room, and those who come later do not wait at all. So a dead destination holds
// up its own requests for a moment, and nobody else.
//
// The caller holds the lock; admit lets go of it while it waits.
func (s *Sequence) admit(f *flight) error {
	var p patience
	for !s.over() {
		var freed <-chan struct{}
		if s.flying < window {
			no := s.publisher.rooms.enterOrWait(s.at(), f)
			if no == nil {
				return nil
			}
			switch full := p.over(s, no); {
			case full && s.hold == 0:
				return nil // without room: it is lost when it leaves
			case full:
				s.lose(ErrDestinationFull)
				continue
			}
			freed = no.freed
		}
		if err := s.wait(freed); err != nil {
			return err
		}
	}
	return s.refusal()
}

// patience is how long one reply has been waiting for room.
type patience struct {
	since time.Time // of the first refusal, or of the last move
	moves uint64
}

// over reports whether it is of no use to wait any longer.
func (p *patience) over(s *Sequence, no *refusal) bool {
	now := time.Now()
	if p.since.IsZero() || s.hold == 0 && p.moves != no.moves {
		p.since, p.moves = now, no.moves
	}
	switch waited := now.Sub(p.since); {
	case s.hold > 0:
		return waited > s.publisher.limits.Unstated
	case no.stalled:
		return true
	case waited >= stallAfter:
		s.publisher.rooms.stall(s.at(), no.moves)
		return true
	}
	return !s.to.Until.IsZero() && now.After(s.to.Until)
}

// wait returns when it is worth looking again. Beside what it is told of, that
// is after a moment: the room of one destination also grows when others leave.
func (s *Sequence) wait(freed <-chan struct{}) error {
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	moved := s.moved
	s.mu.Unlock()
	defer s.mu.Lock()
	look := time.NewTimer(retryDelay)
	defer look.Stop()
	select {
	case <-moved:
	case <-freed:
	case <-look.C:
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
	return nil
}

// move wakes those who wait.
func (s *Sequence) move() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}
