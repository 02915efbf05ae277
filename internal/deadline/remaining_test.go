package deadline_test

import (
	"math"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/deadline"
)

func TestRemaining(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		sent    time.Time
		timeout time.Duration
		left    time.Duration
		expired bool
	}{
		{"just sent", now, time.Minute, time.Minute, false},
		{"within the skew of clocks", now.Add(-4 * time.Second), time.Minute, time.Minute, false},
		{"older", now.Add(-35 * time.Second), time.Minute, 30 * time.Second, false},
		{"too old", now.Add(-66 * time.Second), time.Minute, time.Millisecond, true},
		{"no limit", now.Add(-time.Hour), 0, 0, false},
		{"a negative limit", now, -1, 0, false},
		{"from the future", now.Add(time.Hour), time.Minute, time.Minute, false},
		{"from the end of time", time.UnixMilli(math.MaxInt64), time.Minute, time.Minute, false},
		{"without a timestamp", time.UnixMilli(-1), time.Minute, time.Minute, false},
		{"from the beginning of time", time.UnixMilli(math.MinInt64), time.Minute, time.Minute, false},
		{"the longest limit", now, math.MaxInt64, math.MaxInt64, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			left, expired := deadline.Remaining(tt.sent, tt.timeout, now)
			if left != tt.left || expired != tt.expired {
				t.Errorf("Remaining = %v, %v; want %v, %v", left, expired, tt.left, tt.expired)
			}
		})
	}
}
