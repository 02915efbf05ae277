package reply

import (
	"context"
	"time"
)

// admit waits until a value may be sent, and gives a stream's value its room. A
// single reply gets its own only when it leaves: it has nobody to wait for it,
// and a handler that is abandoned in between holds none.
//
// The caller holds the lock; admit lets go of it while it waits.
func (s *Sequence) admit(f *flight) error {
	var giveUp time.Time
	for !s.over() {
		var freed <-chan struct{}
		if s.flying < window {
			if s.hold == 0 {
				return nil
			}
			var ok bool
			if ok, freed = s.publisher.rooms.enterOrWait(s.at(), f); ok {
				return nil
			}
			now := time.Now()
			switch {
			case giveUp.IsZero():
				giveUp = now.Add(s.publisher.limits.Unstated)
			case now.After(giveUp):
				s.lose(ErrDestinationFull)
				continue
			}
		}
		if err := s.wait(freed); err != nil {
			return err
		}
	}
	return s.refusal()
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
