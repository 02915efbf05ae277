package retry

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/commit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// item is one record that waits, is being written, or runs.
type item struct {
	rec      *kgo.Record
	attempt  int // of the newest copy that is stored, 0 when none is known to be
	due      time.Time
	handlers []int
	copyAt   int64 // where the newest copy is, or nowhere
	read     bool  // the newest copy was read: mark is its
	mark     commit.Mark
	state    state
	ahead    bool  // its source record is still to come, and comes first
	line     *line // nil without order
	bytes    int
	places   [places]int // in each heap, from 1; 0 is outside
	next     *item       // another one with this source offset
}

const nowhere int64 = -1

// state is who has an item.
type state uint8

const (
	writing state = iota // its lane has it: a copy is on its way, or was refused
	waiting
	moving  // it is being written once more, with nothing new
	running // a handler has it
)

// same says whether rec is the item's record. An offset alone is not enough: a topic
// can be made anew.
func (it *item) same(rec *kgo.Record) bool {
	return it.rec.Offset == rec.Offset && it.rec.Partition == rec.Partition && it.rec.Topic == rec.Topic &&
		it.rec.Timestamp.UnixMilli() == rec.Timestamp.UnixMilli() &&
		(it.rec.Key == nil) == (rec.Key == nil) && bytes.Equal(it.rec.Key, rec.Key)
}

// newer says whether a copy is newer than those that are known.
func (it *item) newer(attempt int, at int64) bool {
	return attempt > it.attempt || attempt == it.attempt && at > it.copyAt
}

// take makes the newest copy what n says.
func (it *item) take(n Note, at int64) {
	it.attempt, it.due, it.handlers, it.copyAt = max(n.Attempt, 1), n.Due, n.Handlers, at
}

func (it *item) entry() Entry {
	return Entry{Record: it.rec, Attempt: it.attempt, Due: it.due, Handlers: it.handlers, Mark: it.mark}
}

// line is the items of one key in the order of their source offsets.
type line struct {
	key     string
	items   []*item
	running int // of the items
}

func (l *line) add(it *item) {
	i, _ := slices.BinarySearchFunc(l.items, it.rec.Offset+1, func(a *item, offset int64) int {
		return cmp.Compare(a.rec.Offset, offset)
	})
	l.items = slices.Insert(l.items, i, it)
}

func (l *line) remove(it *item) {
	i := slices.Index(l.items, it)
	l.items = slices.Delete(l.items, i, i+1)
}

// free says whether the first item may run as far as its key goes.
func (l *line) free() bool { return l.running == 0 }

// blocks says whether a source record whose turn has come waits behind the line. It
// does not when the first of the line waits for a turn of its own that comes later.
func (l *line) blocks() bool { return l.running > 0 || !l.items[0].ahead }

// keep is rec with bytes of its own. A record as it was fetched holds the whole batch
// it came in, for as long as it waits.
func keep(rec *kgo.Record) *kgo.Record {
	kept := *rec
	room := make([]byte, 0, len(rec.Key)+len(rec.Value)+headerBytes(rec.Headers))
	own := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		from := len(room)
		room = append(room, b...)
		return room[from:len(room):len(room)]
	}
	kept.Key, kept.Value = own(rec.Key), own(rec.Value)
	kept.Headers = slices.Clone(rec.Headers)
	for i := range kept.Headers {
		kept.Headers[i].Value = own(kept.Headers[i].Value)
	}
	return &kept
}

// held is how many bytes a record holds.
func held(rec *kgo.Record) int {
	n := len(rec.Key) + len(rec.Value) + headerBytes(rec.Headers)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key)
	}
	return n
}

func headerBytes(headers []kgo.RecordHeader) int {
	n := 0
	for i := range headers {
		n += len(headers[i].Value)
	}
	return n
}
