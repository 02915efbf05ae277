package pending_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/siskin-go/siskin/internal/pending"
)

// A seat that is given back has neither a reply nor a tick of the call before.
func TestASeatIsCleanForTheNextCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seats pending.Seats
		for range 100 {
			seat := seats.Take(time.Minute)
			if n := len(seat.Replies); n != 0 {
				t.Fatalf("%d replies of another call", n)
			}
			select {
			case <-seat.Timer.C:
				t.Fatal("the timer of another call has run out")
			default:
			}
			seat.Replies <- value("1")
			seat.Replies <- last("2")
			time.Sleep(time.Minute)
			seats.Leave(seat)
		}
		began := time.Now()
		<-seats.Take(time.Second).Timer.C
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("the timer ran out after %v, want a second", waited)
		}
	})
}
