package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/siskin-go/siskin"
)

// body reads the request body as a T, and asks its Validate method.
func body[T any](x *exchange) (T, error) {
	var v T
	data, err := x.read()
	if err == nil {
		err = decode(data, &v)
	}
	if err == nil {
		err = validate(&v)
	}
	return v, err
}

// mapped returns a function that reads the body and makes a T of it.
func mapped[Body, T any](from func(*http.Request, Body) (T, error)) func(*exchange) (T, error) {
	return func(x *exchange) (T, error) {
		var v T
		b, err := body[Body](x)
		if err == nil {
			v, err = from(x.r, b)
		}
		if err == nil {
			err = validate(&v)
		}
		return v, err
	}
}

// read returns the whole body. The Content-Type of an empty one does not matter:
// some clients send one anyway.
func (x *exchange) read() ([]byte, error) {
	tooLarge := &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", x.set.maxBody)}
	if x.r.ContentLength != 0 && x.r.Header.Get("Content-Type") != "" {
		if err := checkType(x.r.Header); err != nil {
			return nil, err
		}
	}
	if x.r.ContentLength > x.set.maxBody {
		return nil, tooLarge
	}
	data, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, x.set.maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{http.StatusRequestTimeout, "the body did not arrive in time"}
	case err != nil:
		return nil, invalid("the body did not arrive whole")
	case len(data) > 0:
		return data, checkType(x.r.Header)
	}
	return nil, nil
}

// checkType refuses what is not plain JSON by its headers.
func checkType(h http.Header) error {
	wrong := func(text string) error { return &refusal{http.StatusUnsupportedMediaType, text} }
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return wrong("send the body without Content-Encoding")
	}
	text := h.Get("Content-Type")
	if text == "" {
		return wrong("the body has no Content-Type; send application/json")
	}
	kind, params, err := mime.ParseMediaType(text)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return wrong("the Content-Type of the body is not JSON; send application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return wrong("JSON is UTF-8; send no other charset")
	}
	return nil
}

// decode fills into, a pointer, from one JSON value. Numbers in values of type
// any become json.Number, so that large ones stay exact.
func decode(data []byte, into any) error {
	if text, ok := nothing(data); ok {
		if canBeNothing(reflect.TypeOf(into).Elem()) {
			return nil
		}
		if _, ok := into.(json.Unmarshaler); !ok || text == "empty" {
			return invalid("the body is %s, but must be %s", text, wanted(reflect.TypeOf(into).Elem(), ""))
		}
	}
	if at := invalidUTF8(data); at >= 0 {
		return invalid("the body is not UTF-8 at %s", position(data, at))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return explain(data, err)
	}
	end := int(dec.InputOffset())
	if rest := bytes.TrimLeft(data[end:], blanks); len(rest) > 0 {
		return invalid("the body must be one JSON value, but goes on at %s", position(data, len(data)-len(rest)))
	}
	return nil
}

// blanks is the white space of JSON.
const blanks = " \t\r\n"

// nothing reports whether the body is empty or null, and names which.
func nothing(data []byte) (string, bool) {
	switch string(bytes.Trim(data, blanks)) {
	case "":
		return "empty", true
	case "null":
		return "null", true
	}
	return "", false
}

// canBeNothing reports whether t has a value that stands for nothing. A missing
// slice or map more likely is a mistake of the caller.
func canBeNothing(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		return true
	case reflect.Struct:
		return t.NumField() == 0
	default:
		return false
	}
}

// validate asks the Validate method of what v points to. Like for a service's
// handler, its error is made for the caller.
func validate[T any](v *T) error {
	var err error
	if on, ok := any(v).(interface{ Validate() error }); ok {
		err = on.Validate()
	} else if on, ok := any(*v).(interface{ Validate() error }); ok && !reflect.ValueOf(*v).IsZero() {
		err = on.Validate() // T is itself a pointer, or an interface
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*siskin.Error](err); ok {
		return err
	}
	return invalid("%v", err)
}

func invalid(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}
