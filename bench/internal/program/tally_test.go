package program

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTally(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := newTally()
		seen.add() // before anybody asks: the time begins here
		go func() {
			for range 3 {
				time.Sleep(time.Second)
				seen.add()
			}
		}()
		if took, err := seen.await(t.Context(), 4); err != nil || took != 3*time.Second {
			t.Errorf("%v, %v, want 3s", took, err)
		}
	})
}

func TestTallyOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	seen := newTally()
	seen.add()
	seen.add()
	if _, err := seen.await(t.Context(), 1); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newTally().await(ctx, 1); err == nil {
		t.Error("it waited for nothing, without an error")
	}
}
