package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// payload reads the argument of a verb that sends something: JSON, @FILE, or -
// for stdin. The value it returns goes on the wire as NestJS would write it: a
// JSON string as its bare text, null as a record without a value, everything
// else as the JSON text that was given. With raw all bytes go as they are.
func payload(arg string, stdin io.Reader, raw bool) (any, error) {
	text, err := payloadText(arg, stdin)
	if err != nil {
		return nil, err
	}
	if raw {
		return text, nil
	}
	text = bytes.Trim(text, jsonSpace) // NestJS takes a value for JSON only by its first byte
	if !json.Valid(text) {
		return nil, fail(exitPayload, fmt.Errorf("the payload is not JSON: %s", excerpt(text)),
			`put a text in double quotes, as in '"hi"', or send bytes as they are with --raw`)
	}
	switch {
	case bytes.Equal(text, []byte("null")):
		return nil, nil
	case text[0] == '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	}
	return json.RawMessage(text), nil
}

const jsonSpace = " \t\r\n"

func payloadText(arg string, stdin io.Reader) ([]byte, error) {
	switch path, named := strings.CutPrefix(arg, "@"); {
	case arg == "-":
		return io.ReadAll(stdin)
	case named && path == "":
		return nil, usageError(errors.New("no file is named after @"))
	case named:
		text, err := os.ReadFile(path) //nolint:gosec // the user names the file
		if err != nil {
			return nil, usageError(err)
		}
		return text, nil
	}
	return []byte(arg), nil
}

func excerpt(text []byte) string {
	const longest = 60
	if len(text) == 0 {
		return "it is empty"
	}
	if len(text) > longest {
		return fmt.Sprintf("%q…", text[:longest])
	}
	return fmt.Sprintf("%q", text)
}
