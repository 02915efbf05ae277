package pending

import (
	"sync"
	"time"
)

// Seats are what one call after the other waits with, so that no call has to make
// a timer and a channel. One Seats belongs to one synctest bubble, as its timers
// do. The zero value is ready to use. Safe for concurrent use.
type Seats struct{ free sync.Pool }

// Seat is what one call waits with.
type Seat struct {
	Timer   *time.Timer
	Replies chan Reply // for a call with a single reply
}

// Take returns a seat whose timer runs out after timeout.
func (s *Seats) Take(timeout time.Duration) *Seat {
	if seat, ok := s.free.Get().(*Seat); ok {
		seat.Timer.Reset(timeout)
		return seat
	}
	return &Seat{Timer: time.NewTimer(timeout), Replies: NewReplies(1)}
}

// Leave gives a seat back. Its call must have been removed from its table, so that
// no reply comes any more.
func (s *Seats) Leave(seat *Seat) {
	seat.Timer.Stop() // its channel is empty then (since Go 1.23)
	for len(seat.Replies) > 0 {
		<-seat.Replies
	}
	s.free.Put(seat)
}
