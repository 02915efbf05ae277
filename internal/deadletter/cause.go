package deadletter

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// errorType is the Go type of the error that errorOf finds.
func errorType(err error) string { return typeOf(errorOf(err)) }

// causeType is errorType for what is behind that error, or empty where nothing is.
func causeType(err error) string {
	if cause := errors.Unwrap(errorOf(err)); cause != nil {
		return errorType(cause)
	}
	return ""
}

// errorOf is the outermost error with an exported type: what its author wanted
// others to tell apart. Where there is none, as under fmt.Errorf, it is the
// innermost error.
func errorOf(err error) error {
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

// The bounds of headers: an error can quote a whole record.
const (
	longestMessage = 8 << 10
	longestStack   = 16 << 10
)

// errorMessage is the message of the error and, joined as Spring does it, those of
// the errors behind it that it does not have already.
func errorMessage(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
		if cause := e.Error(); !strings.Contains(text, cause) {
			text += "; " + cause
		}
	}
	return cut(text, longestMessage)
}

func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
