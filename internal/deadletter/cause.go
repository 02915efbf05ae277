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

// causeType is the Go type of the innermost error, or empty where that is the error
// itself.
func causeType(err error) string {
	cause := root(err)
	if cause == errorOf(err) { //nolint:errorlint // the very same one
		return ""
	}
	return typeOf(cause)
}

// errorOf is the outermost error with an exported type: what its author wanted
// others to tell apart. Where there is none, as under fmt.Errorf, it is the
// innermost error.
func errorOf(err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		name := typeOf(e)
		if first, _ := utf8.DecodeRuneInString(name[strings.LastIndexByte(name, '.')+1:]); unicode.IsUpper(first) {
			return e
		}
	}
	return root(err)
}

func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func typeOf(err error) string { return strings.TrimPrefix(fmt.Sprintf("%T", err), "*") }

// The bounds of headers: an error can quote a whole record.
const (
	longestMessage = 8 << 10
	longestStack   = 16 << 10
)

// errorMessage is the message of the error and, as Spring writes it, that of the
// innermost one behind it where it does not have that already.
func errorMessage(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if cause := root(err).Error(); !strings.Contains(text, cause) {
		text += "; " + cause
	}
	return cut(text, longestMessage)
}

func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
