package redrive

import (
	"bytes"
	"regexp"
	"slices"
	"time"

	"github.com/siskin-go/siskin/internal/letter"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Filter chooses letters. The zero value takes all; what is set must all be so.
type Filter struct {
	Error   *regexp.Regexp // in the type or the text of the error or its cause
	Handler string         // see letter.Letter; also the group or the topic that it read
	Headers []kgo.RecordHeader
	Since   time.Time // when the letter was written, at the earliest
	Until   time.Time // and before this
}

// Match reports whether l is chosen.
func (f Filter) Match(l letter.Letter) bool {
	at := l.Record.Timestamp
	return f.matchError(l) && f.matchHandler(l) && f.matchHeaders(l.Record.Headers) &&
		(f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until))
}

func (f Filter) matchError(l letter.Letter) bool {
	return f.Error == nil || slices.ContainsFunc([]string{l.ErrorType, l.CauseType, l.Error, l.Cause}, func(text string) bool {
		return text != "" && f.Error.MatchString(text)
	})
}

// matchHandler goes by what is known: only Siskin and Watermill write a handler's name.
func (f Filter) matchHandler(l letter.Letter) bool {
	return f.Handler == "" || slices.Contains([]string{l.Handler, l.Group, l.Topic}, f.Handler)
}

func (f Filter) matchHeaders(headers []kgo.RecordHeader) bool {
	for _, want := range f.Headers {
		if !slices.ContainsFunc(headers, func(h kgo.RecordHeader) bool {
			return h.Key == want.Key && bytes.Equal(h.Value, want.Value)
		}) {
			return false
		}
	}
	return true
}
