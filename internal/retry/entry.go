package retry

import (
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Entry is one record that waits, as its newest copy tells. Not to be changed.
type Entry struct {
	// Record is the original: what its handlers get.
	Record *kgo.Record
	// Attempt is the one that comes next.
	Attempt int
	// Due is when it may run; zero means at once.
	Due time.Time
	// Handlers are those that are to run; nil means all.
	Handlers []int
	// Mark is that of the newest copy in the watermark of the retry partition.
	Mark commit.Mark
}

// Turn is what becomes of a source record whose turn it is.
type Turn uint8

const (
	// Run means that its handler may have it.
	Run Turn = iota
	// Park means that it is to be written to the retry partition: with attempt 1 when
	// it is behind others of its key.
	Park
	// Skip means that its copy is stored: it is done in the source partition.
	Skip
)
