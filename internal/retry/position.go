package retry

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Position is what is committed of a retry partition beside the offset, as the
// metadata of the commit: whose commit it is, and which copies behind the offset are
// done. Without the latter a new owner would run a record again that had its outcome,
// while later ones of its key, whose offsets are committed, would not be run again.
type Position struct {
	Owner  int64 // or NoOwner
	offset int64
	done   []byte // a bit for each offset from offset on, the lowest bit first
}

// MostSpan is how many offsets behind a committed one its metadata can tell about:
// brokers take 4,096 bytes (offset.metadata.max.bytes). A retry partition is kept
// from having more by writing the oldest copy once more (Queue.Oldest).
const MostSpan = 16_384

// version begins the metadata, so that those of another program are told apart.
const version = "siskin-retry/1"

// ParsePosition reads the metadata of a commit. offset is where the retry partition is
// read from now, and end where it ended when it was asked after that: metadata that
// belong to another offset, or tell about copies behind the end, mean nothing, as after
// a reset of the offsets, in a mirror of the topic, or when it was made anew.
func ParsePosition(offset, end int64, metadata string) Position {
	none := Position{Owner: NoOwner, offset: offset}
	fields := strings.Split(metadata, " ")
	if len(fields) != 4 || fields[0] != version || fields[2] != strconv.FormatInt(offset, 10) {
		return none
	}
	owner, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || owner < NoOwner {
		return none
	}
	done, err := base64.RawStdEncoding.DecodeString(fields[3])
	if err != nil || len(done) > MostSpan/8 {
		return none
	}
	p := Position{Owner: owner, offset: offset, done: done}
	if owner >= end || p.behind(end) {
		return none
	}
	return p
}

// Metadata is what ParsePosition reads.
func (p Position) Metadata() string {
	return fmt.Sprintf("%s %d %d %s", version, p.Owner, p.offset, base64.RawStdEncoding.EncodeToString(p.done))
}

// Done says whether the copy at an offset is done.
func (p Position) Done(offset int64) bool {
	i := offset - p.offset
	return i >= 0 && i < int64(8*len(p.done)) && p.done[i/8]&(1<<(i%8)) != 0
}

// at is the position at a later offset, with what is done there according to done and
// to p: what is done stays done, also when this owner has not read it yet.
func (p Position) at(offset int64, owner int64, done []byte) Position {
	next := Position{Owner: owner, offset: offset, done: done}
	for was := max(offset, p.offset); was < p.offset+int64(8*len(p.done)); was++ {
		if p.Done(was) {
			next.set(was)
		}
	}
	next.done = next.done[:min(len(next.done), MostSpan/8)]
	for len(next.done) > 0 && next.done[len(next.done)-1] == 0 {
		next.done = next.done[:len(next.done)-1]
	}
	return next
}

// behind says whether it tells about copies at or behind the end of the log.
func (p Position) behind(end int64) bool {
	for offset := max(p.offset, end); offset < p.offset+int64(8*len(p.done)); offset++ {
		if p.Done(offset) {
			return true
		}
	}
	return false
}

func (p *Position) set(offset int64) {
	i := offset - p.offset
	for int64(len(p.done)) <= i/8 {
		p.done = append(p.done, 0)
	}
	p.done[i/8] |= 1 << (i % 8)
}
