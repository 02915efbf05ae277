package nestjs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/siskin-go/siskin/internal/nearest"
)

// Load reads options from a JSON file, as Parse does.
func Load(path string) (Options, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the program names the file
	if err != nil {
		return Options{}, fmt.Errorf("nestjs: %w", err)
	}
	o, err := Parse(text)
	return o, within(path, err)
}

// within names the file in each error.
func within(path string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only Parse's own is meant
	if !ok {
		return err
	}
	errs := joined.Unwrap()
	for i := range errs {
		if e, ok := errors.AsType[*Error](errs[i]); ok {
			errs[i] = &Error{Path: e.Path, Source: path, Err: e.Err}
		}
	}
	return errors.Join(errs...)
}

// Parse reads options from JSON: what stands in `options` of NestJS's
// KafkaOptions. The error joins all that is wrong with names and types, each as an
// *Error; what is wrong with values is said by Server and Caller.
func Parse(text []byte) (Options, error) {
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return Options{}, errors.Join(&Error{Path: "options", Err: fmt.Errorf("want an object of JSON: %w", readable(err))})
	}
	if errs := names("", tree); len(errs) > 0 {
		return Options{}, errors.Join(errs...)
	}
	var o Options
	if err := json.Unmarshal(text, &o); err != nil {
		return Options{}, errors.Join(mistyped(err))
	}
	return o, nil
}

// mistyped names the option whose value is of another type.
func mistyped(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &Error{Path: wrong.Field, Err: fmt.Errorf("a %s of JSON does not fit; see its type in kafkajs", kind(wrong))}
	}
	return &Error{Path: "options", Err: readable(err)}
}

// readable is err without what the library quotes of the text, which can hold a
// password.
func readable(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON at byte %d", syntax.Offset)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("it is a %s", kind(wrong))
	}
	return errors.New("it is not JSON")
}

// names returns an error for each name below path that is not known, or whose
// option takes no value at all.
func names(path string, tree map[string]any) []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		inner, isObject := tree[name].(map[string]any)
		option, known := find(at)
		switch {
		case known && option.Verdict == Refused && !refusedByValue[at]:
			errs = append(errs, &Error{Path: at, Err: errors.New(option.Note)})
		case isObject && isGroup(at):
			errs = append(errs, names(at, inner)...)
		case !known && isGroup(at):
			errs = append(errs, &Error{Path: at, Err: errors.New("want an object")})
		case !known:
			errs = append(errs, &Error{Path: at, Err: fmt.Errorf("unknown option; the nearest known one is %s", nearest.Of(at, paths))})
		}
	}
	return errs
}

// refusedByValue are options of which Options decides by the value.
var refusedByValue = map[string]bool{
	"client.ssl.rejectUnauthorized": true, "consumer.readUncommitted": true, "run.autoCommit": true, "send.acks": true,
	"producer.transactionalId": true,
}

// paths are those of all options.
var paths = func() []string {
	all := make([]string, 0, len(Table))
	for _, o := range Table {
		if !strings.HasSuffix(o.Path, ".*") {
			all = append(all, o.Path)
		}
	}
	return all
}()

// find returns the row of an option, or of those without one that stand beside it.
func find(path string) (Option, bool) {
	var rest Option
	for _, o := range Table {
		if o.Path == path {
			return o, true
		}
		if group, ok := strings.CutSuffix(o.Path, "*"); ok && strings.HasPrefix(path, group) {
			rest = o
		}
	}
	return rest, rest.Path != ""
}

// isGroup reports whether options stand below path.
func isGroup(path string) bool {
	return slices.ContainsFunc(Table, func(o Option) bool { return strings.HasPrefix(o.Path, path+".") })
}

// kind is what a value is, such as number, without the value.
func kind(wrong *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(wrong.Value, " ")
	return kind
}
