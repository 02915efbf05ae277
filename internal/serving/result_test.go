package serving

import (
	"errors"
	"testing"

	"github.com/siskin-go/siskin/internal/outcome"
)

// Several handlers of one event have one outcome together: a dead letter is told
// before a drop, and a drop before what went well.
func TestTheWorseOfTwoResultsNamesTheRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b outcome.Step
		want string
	}{
		{outcome.Done, outcome.Done, "done"},
		{outcome.Done, outcome.Drop, "dropped"},
		{outcome.Drop, outcome.Done, "dropped"},
		{outcome.Done, outcome.DeadLetter, "dead-lettered"},
		{outcome.DeadLetter, outcome.Done, "dead-lettered"},
		{outcome.Drop, outcome.DeadLetter, "dead-lettered"},
		{outcome.DeadLetter, outcome.Drop, "dead-lettered"},
	} {
		first, second := errors.New("first"), errors.New("second")
		got := result{attempts: 2, step: tt.a, err: first}.with(result{attempts: 3, step: tt.b, err: second})
		if got.how() != tt.want || got.attempts != 5 || !errors.Is(got.err, first) || !errors.Is(got.err, second) {
			t.Errorf("%v with %v: %s after %d attempts, %v; want %s after 5", tt.a, tt.b, got.how(), got.attempts, got.err, tt.want)
		}
	}
}
