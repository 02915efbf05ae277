package lane

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockTellsTheTimeAndReadsTheWallClockAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		set := c.read
		for range 3 {
			time.Sleep(wall / 3)
			if got := c.now(); !got.Equal(time.Now()) {
				t.Errorf("%v, want %v", got, time.Now())
			}
		}
		if c.read != set {
			t.Error("the wall clock was read before its time")
		}
		time.Sleep(wall)
		if got := c.now(); !got.Equal(time.Now()) || c.read == set {
			t.Errorf("%v, read %v, want both %v", got, c.read, time.Now())
		}
	})
}
