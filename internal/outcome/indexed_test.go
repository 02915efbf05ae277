package outcome_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/outcome"
)

// Who has failed in a batch of three, and with what text.
func TestSplit(t *testing.T) {
	t.Parallel()
	at := func(i int, text string) error { return outcome.AtError(i, errors.New(text)) }
	for _, tt := range []struct {
		name string
		err  error
		each map[int]string
		rest string
	}{
		{"nothing", nil, nil, ""},
		{"a plain error", errCause, nil, "no stock"},
		{"joined plain errors", errors.Join(errCause, errors.New("b")), nil, "no stock\nb"},
		{"one", at(1, "a"), map[int]string{1: "a"}, ""},
		{"several", errors.Join(at(0, "a"), nil, at(2, "c")), map[int]string{0: "a", 2: "c"}, ""},
		{"one twice", errors.Join(at(1, "a"), at(1, "b")), map[int]string{1: "a+b"}, ""},
		{"wrapped", fmt.Errorf("save: %w", at(1, "a")), map[int]string{1: "save: record 1 of the batch: a"}, ""},
		{"wrapped and joined", fmt.Errorf("save: %w", errors.Join(at(0, "a"), at(1, "b"))), map[int]string{0: "a", 1: "b"}, ""},
		{"beside a plain error", errors.Join(at(0, "a"), errCause), map[int]string{0: "a"}, "no stock"},
		{"beside two", errors.Join(at(0, "a"), errCause, errors.New("b")), map[int]string{0: "a"}, "no stock\nb"},
		{"beside a sentinel", fmt.Errorf("%w: %w", errCause, at(0, "a")), map[int]string{0: "a"}, "no stock"},
		{"within another", outcome.AtError(0, at(1, "a")), map[int]string{0: "record 1 of the batch: a"}, ""},
		{"beyond the end", at(3, "a"), nil, "the handler names record 3 of a batch of 3: a"},
		{"below zero", errors.Join(at(-1, "a"), at(2, "b")), map[int]string{2: "b"}, "the handler names record -1 of a batch of 3: a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var each map[int]string
			rest := outcome.Split(tt.err, 3, func(i int, err error) {
				if each == nil {
					each = make(map[int]string)
				}
				if each[i] != "" {
					each[i] += "+"
				}
				each[i] += err.Error()
			})
			if diff := cmp.Diff(tt.each, each); diff != "" {
				t.Errorf("the named ones (-want +got):\n%s", diff)
			}
			if rest == nil && tt.rest != "" || rest != nil && rest.Error() != tt.rest {
				t.Errorf("the rest is %v, want %q", rest, tt.rest)
			}
		})
	}
}

// What the author of an error says about one record is still to be found in it.
func TestSplitKeepsInstructions(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		outcome.AtError(1, outcome.DropError(errCause)),
		outcome.DropError(outcome.AtError(1, errCause)),
		errors.Join(fmt.Errorf("save: %w", outcome.AtError(1, outcome.DropError(errCause)))),
	} {
		outcome.Split(err, 2, func(_ int, err error) {
			got := outcome.Decide(outcome.Event, 1, outcome.Verdict{Err: err}, linear(5))
			if got.Step != outcome.Drop || !errors.Is(err, errCause) {
				t.Errorf("%v leads to %v, want a drop", err, got.Step)
			}
		})
	}
}
