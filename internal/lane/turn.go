package lane

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Turn is a record whose turn it is, or will be.
type Turn struct {
	Record *kgo.Record
	// Mark is the one that was given to Push.
	Mark uint64
	// Failed is set by Batch.Serve where it could not handle the record.
	Failed *Failure

	key   uint64 // hash of the key, or none
	came  time.Duration
	first bool // of its key in its batch
}

// Failure is what a batch leaves to a record that it could not handle.
type Failure struct {
	Err error
	// At is when the batch ended.
	At time.Time
	// Shared is true when Err is that of the whole batch: it need not be the fault
	// of this record.
	Shared bool
}
