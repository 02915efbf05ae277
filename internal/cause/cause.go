// Package cause says in headers why a handler failed: the type of its error, what
// is behind it, and its message. Dead letters and retried records tell it alike.
package cause

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type is the Go type of the outermost error with an exported type: what its
// author wanted others to tell apart. Where there is none, as under fmt.Errorf, it
// is that of the innermost error.
func Type(err error) string { return typeOf(named(err)) }

// Behind is Type for what is behind that error, or empty where nothing is.
func Behind(err error) string {
	if behind := errors.Unwrap(named(err)); behind != nil {
		return Type(behind)
	}
	return ""
}

func named(err error) error {
	innermost := err
	for e := err; e != nil; e = errors.Unwrap(e) {
		name := typeOf(e)
		if first, _ := utf8.DecodeRuneInString(name[strings.LastIndexByte(name, '.')+1:]); unicode.IsUpper(first) {
			return e
		}
		innermost = e
	}
	return innermost
}

func typeOf(err error) string { return strings.TrimPrefix(fmt.Sprintf("%T", err), "*") }

// longestMessage bounds a header: an error can quote a whole record.
const longestMessage = 8 << 10

// Message is the message of the error and, joined as Spring does it, those of the
// errors behind it that it does not have already. It is cut at 8 KiB.
func Message(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
		if behind := e.Error(); !strings.Contains(text, behind) {
			text += "; " + behind
		}
	}
	return Cut(text, longestMessage)
}

// Cut is text, or as much of it as longest bytes hold and a mark that more was there.
func Cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
