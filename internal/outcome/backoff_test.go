package outcome_test

import (
	"math"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/outcome"
	"pgregory.net/rapid"
)

func TestExponentialStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.Int64Range(int64(time.Millisecond), int64(24*time.Hour))
		initial := time.Duration(span.Draw(t, "initial"))
		longest := time.Duration(span.Draw(t, "longest"))
		attempt := rapid.OneOf(rapid.IntRange(2, 20), rapid.IntRange(2, 1000)).Draw(t, "attempt")

		policy := outcome.Exponential(7, initial, longest)
		if policy.Attempts != 7 {
			t.Fatalf("Attempts = %d, want 7", policy.Attempts)
		}
		middle := min(float64(initial)*math.Pow(2, float64(attempt-2)), float64(longest))
		low, high := time.Duration(0.8*middle)-1, min(time.Duration(1.2*middle)+1, longest)
		for range 20 {
			if d := policy.Delay(attempt); d < low || d > high {
				t.Fatalf("Delay(%d) = %v, want %v to %v", attempt, d, low, high)
			}
		}
	})
}

func TestExponentialDoubles(t *testing.T) {
	t.Parallel()
	policy := outcome.Exponential(10, 200*time.Millisecond, 10*time.Second)
	for attempt, middle := range map[int]time.Duration{
		2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 4: 800 * time.Millisecond, 5: 1600 * time.Millisecond,
	} {
		var sum time.Duration
		const tries = 2_000
		for range tries {
			sum += policy.Delay(attempt)
		}
		if mean := sum / tries; mean < middle*98/100 || mean > middle*102/100 {
			t.Errorf("the mean delay before attempt %d is %v, want about %v", attempt, mean, middle)
		}
	}
}

// So that many members do not try at the same moment.
func TestExponentialHasJitter(t *testing.T) {
	t.Parallel()
	policy := outcome.Exponential(10, time.Second, time.Minute)
	seen := make(map[time.Duration]bool)
	for range 100 {
		seen[policy.Delay(2)] = true
	}
	if len(seen) < 90 {
		t.Errorf("100 delays have %d different values", len(seen))
	}
}
