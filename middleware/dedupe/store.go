package dedupe

import "context"

// Store remembers outcomes. Memory is one for one process, TopicStore one that
// instances share and that outlives them. Implementations are safe for concurrent
// use.
type Store interface {
	// Find returns what is remembered for id, or false. What was remembered,
	// by anybody who shares the store, before Find was called must be found.
	// It may wait until ctx ends. After an error the record is not handled.
	Find(ctx context.Context, id ID) (Outcome, bool, error)

	// Remember keeps an outcome, in place of an earlier one, and returns when it
	// is as safe as the store promises. The outcome's bytes do not change any
	// more, and must not be changed.
	Remember(ctx context.Context, id ID, o Outcome) error
}
