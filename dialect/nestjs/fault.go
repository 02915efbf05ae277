package nestjs

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/siskin-go/siskin/dialect"
)

// Fixed texts of NestJS (sections 8 and 9).
const (
	internalText  = "Internal server error"
	noHandlerText = "There is no matching message handler defined in the remote service."
)

// Codes that this package must know by name; the whole set is in package
// siskin, which cannot be imported from here.
const (
	codeInternal      = "internal"
	codeUnimplemented = "unimplemented"
	codeUnknown       = "unknown"
)

// payload is NestJS's error object with Siskin's two fields behind it.
type payload struct {
	Status  string          `json:"status"`
	Message string          `json:"message"`
	Code    string          `json:"code,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
}

func writeFault(f *dialect.Fault) []byte {
	if f.NoHandler {
		return []byte(noHandlerText)
	}
	p := payload{Status: "error", Message: f.Message, Code: f.Code, Details: f.Details}
	if !json.Valid(p.Details) {
		p.Details = nil
	}
	if f.Code == codeInternal && f.Message == "" {
		p.Message = internalText
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // JSON.stringify does not escape <, > and &
	if err := enc.Encode(p); err != nil {
		return []byte(`{"status":"error","message":"` + internalText + `","code":"internal"}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// readFault understands every shape of section 8: a JSON object, an array, or
// plain text. What is not in our own shape is kept whole in Details. As for NestJS
// it is UTF-8, whatever bytes the peer sent.
func readFault(text []byte) *dialect.Fault {
	text = bytes.ToValidUTF8(text, []byte("\uFFFD")) // a copy
	if string(text) == noHandlerText {
		return &dialect.Fault{Code: codeUnimplemented, Message: noHandlerText, NoHandler: true}
	}
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' {
		f := &dialect.Fault{Code: codeUnknown, Message: string(text)}
		if json.Valid(text) {
			f.Details = text
		}
		return f
	}
	return readObject(text)
}

func readObject(text []byte) *dialect.Fault {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return &dialect.Fault{Code: codeUnknown, Message: string(text)}
	}
	f := &dialect.Fault{Code: codeUnknown}
	var code string
	hasMessage := readString(fields["message"], &f.Message)
	hasCode := readString(fields["code"], &code) && slices.Contains(dialect.Codes, code)
	if hasCode {
		f.Code = code
	}
	switch {
	case !hasMessage:
		f.Message = string(text)
		f.Details = text
	case hasCode && onlyOurs(fields):
		f.Details = fields["details"]
	case f.Message == internalText && len(fields) == 2:
		f.Code = codeInternal
	case len(fields) > 2 || fields["status"] == nil:
		f.Details = text
	}
	return f
}

func onlyOurs(fields map[string]json.RawMessage) bool {
	for name := range fields {
		switch name {
		case "status", "message", "code", "details":
		default:
			return false
		}
	}
	return true
}

func readString(raw json.RawMessage, into *string) bool {
	var s string
	if raw == nil || string(raw) == "null" || json.Unmarshal(raw, &s) != nil {
		return false
	}
	*into = s
	return true
}
