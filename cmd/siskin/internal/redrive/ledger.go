package redrive

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Ledger says which letters of one partition were redriven: all below a position,
// and some behind it. Kafka keeps it as the committed offset of a group and the
// text beside it. The zero value is an empty ledger. Not safe for concurrent use.
type Ledger struct {
	next  int64
	spans []span // behind next, in order, with a gap before each
}

// span is the offsets from first up to, not including, end.
type span struct{ first, end int64 }

// longestNote is what Kafka takes as the text of a commit, less than its default
// of 4096 bytes.
const longestNote = 4000

var (
	errFull = errors.New("too many letters between the redriven ones were left out to keep count of them; " +
		"redrive more of the older ones first, or purge them")
	errNote = errors.New("the redrive group's position has a note that this program does not understand; " +
		"was it committed by something else?")
)

// ParseLedger reads what Next and Note have given.
func ParseLedger(next int64, note string) (Ledger, error) {
	l := Ledger{next: max(next, 0)}
	if note == "" {
		return l, nil
	}
	at := l.next
	for pair := range strings.SplitSeq(note, ",") {
		gap, run, _ := strings.Cut(pair, ":")
		g, err := strconv.ParseUint(gap, 10, 62)
		r, err2 := strconv.ParseUint(run, 10, 62)
		if err != nil || err2 != nil || g == 0 || r == 0 {
			return Ledger{}, errNote
		}
		s := span{at + int64(g), at + int64(g) + int64(r)}
		if s.first < at || s.end < s.first {
			return Ledger{}, errNote // the numbers have flown over
		}
		l.spans, at = append(l.spans, s), s.end
	}
	return l, nil
}

// Next is the offset below which everything was redriven.
func (l *Ledger) Next() int64 { return l.next }

// Note is the rest as text: pairs of how many offsets were left out and how many
// were not, such as 3:1,10:2. It fails when Kafka would not take it.
func (l *Ledger) Note() (string, error) {
	var note strings.Builder
	at := l.next
	for i, s := range l.spans {
		if i > 0 {
			note.WriteByte(',')
		}
		fmt.Fprintf(&note, "%d:%d", s.first-at, s.end-s.first)
		at = s.end
	}
	if note.Len() > longestNote {
		return "", errFull
	}
	return note.String(), nil
}

// Has reports whether the letter at offset was redriven.
func (l *Ledger) Has(offset int64) bool {
	return offset < l.next || slices.ContainsFunc(l.spans, func(s span) bool { return s.first <= offset && offset < s.end })
}

// End is the offset behind the last one that was redriven.
func (l *Ledger) End() int64 {
	if len(l.spans) == 0 {
		return l.next
	}
	return l.spans[len(l.spans)-1].end
}

// Add notes that the letters from first up to, not including, end were redriven.
func (l *Ledger) Add(first, end int64) {
	if first >= end {
		return
	}
	merged := []span{}
	for _, s := range append(slices.Clone(l.spans), span{}) {
		switch {
		case s.end == 0: // the last
		case s.end < first || end < s.first:
			merged = append(merged, s)
		default:
			first, end = min(first, s.first), max(end, s.end)
		}
	}
	merged = append(merged, span{first, end})
	slices.SortFunc(merged, func(a, b span) int { return int(max(-1, min(1, a.first-b.first))) })
	l.spans = merged
	l.Skip(l.next)
}

// Skip notes that nothing is left below offset.
func (l *Ledger) Skip(offset int64) {
	l.next = max(l.next, offset)
	for len(l.spans) > 0 && l.spans[0].first <= l.next {
		l.next = max(l.next, l.spans[0].end)
		l.spans = l.spans[1:]
	}
}

// Clone is a copy that changes on its own.
func (l *Ledger) Clone() Ledger { return Ledger{l.next, slices.Clone(l.spans)} }
