// Package retry knows the records of one source partition that wait in its retry
// partition: how they are written, which of them may run, and in what order.
// The page docs/retries.md has the whole.
package retry

import (
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// NoOwner is the number of nobody: of a record that no Siskin owner with KeepOrder wrote.
const NoOwner int64 = -1

// Note is what is written beside a record in a retry topic.
type Note struct {
	Group    string    // the consumer group
	Attempt  int       // the one that comes next, from 1
	Due      time.Time // zero: at once
	Handlers []int     // which of an event's handlers are to run; nil: all
	Owner    int64     // or NoOwner
	Cause    error     // of the last failure, or nil
}

// Record is a copy of rec for the partition of the same number in a retry topic.
func (n Note) Record(topic string, rec *kgo.Record) *kgo.Record { panic("draft") }

// Marker is the record with which an owner begins.
func Marker(topic string, partition int32, token string) *kgo.Record { panic("draft") }

// Copy is a record of a retry topic, read.
type Copy struct {
	Note
	// Record is what its handler gets: the original's topic, partition, offset
	// and timestamp, without the block. nil for a marker.
	Record *kgo.Record
	// Token is that of a marker.
	Token string
	// Offset is where the copy is in the retry partition.
	Offset int64
}

// Read never fails: what makes no sense counts as docs/retries.md says.
func Read(rec *kgo.Record, now time.Time) Copy { panic("draft") }

// Turn is what becomes of a source record whose turn it is.
type Turn uint8

const (
	Run  Turn = iota
	Park      // behind others of its key: write it with attempt 1
	Skip      // its copy is stored: it is done
)

// Config is what a Queue needs.
type Config struct {
	Group     string
	KeepOrder bool
	Token     string // of this owner's marker; only with KeepOrder
	Records   int    // how many may wait
	Bytes     int    // how much they may hold
}

// Entry is one record that waits, or runs.
type Entry struct {
	Record   *kgo.Record
	Attempt  int
	Due      time.Time
	Handlers []int
	Mark     commit.Mark // of its newest copy that was read
}

// Queue is the state of one source partition and its retry partition in one
// generation. Safe for concurrent use. An entry is known by its source offset, timestamp
// and key together (an offset alone is not enough: a topic can be made anew).
type Queue struct{}

func NewQueue(cfg Config) *Queue { panic("draft") }

// Begin says from where the source is read (-1 when not known yet), where it ended then, and the
// owner's number that is stored with the committed offset of the retry partition, or NoOwner.
func (q *Queue) Begin(start, end, owner int64) { panic("draft") }

// Read takes a record of the retry partition, with its mark in that partition's
// watermark. It returns the marks that are done by it (of itself, of an older copy).
func (q *Queue) Read(c Copy, mark commit.Mark) (done []commit.Mark) { panic("draft") }

// Opened is closed when the own marker was read; at once without KeepOrder.
func (q *Queue) Opened() <-chan struct{} { panic("draft") }

// Owner is the number that this owner writes: NoOwner before Opened and without KeepOrder.
func (q *Queue) Owner() int64 { panic("draft") }

// Meet is called at the turn of a source record in its lane, before its handler (offsets of one key rise).
func (q *Queue) Meet(rec *kgo.Record) Turn { panic("draft") }

// Passed says that the source's watermark is at offset: all before is done.
func (q *Queue) Passed(offset int64) { panic("draft") }

// Reserve makes room for rec, which is about to be written for the first time in this
// generation, and blocks its key. False: it is full, nothing has changed.
func (q *Queue) Reserve(rec *kgo.Record) bool { panic("draft") }

// Cancel undoes Reserve: rec could not be written.
func (q *Queue) Cancel(rec *kgo.Record) { panic("draft") }

// Stored says that a copy of rec with n is stored. It returns the mark of the copy
// before it, if one was read: that is done. The entry waits (also if it ran).
// The new copy may have been read already, before Stored is called.
func (q *Queue) Stored(rec *kgo.Record, n Note) (done []commit.Mark) { panic("draft") }

// Finish says that rec has its final outcome. It returns the marks that are done.
func (q *Queue) Finish(rec *kgo.Record) (done []commit.Mark) { panic("draft") }

// Next returns the entries that may run now; they count as running until Stored or Finish.
// wake is when the next one may be due, zero when nobody knows: then another call of Read,
// Finish, Stored, Meet or Passed must come first.
func (q *Queue) Next(now time.Time) (run []Entry, wake time.Time) { panic("draft") }

// Oldest is the waiting entry (not running) whose mark is the lowest.
func (q *Queue) Oldest() (Entry, bool) { panic("draft") }

// Len is how many wait or run, and how many bytes they hold.
func (q *Queue) Len() (records, bytes int) { panic("draft") }

// Longest is the longest wait in a retry topic. Spring's consumers take a longer one for a
// mistake (protocol notes for Spring, b.6).
const Longest = 24 * time.Hour
