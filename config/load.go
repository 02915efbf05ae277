package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/security"
)

// Load returns defaults with what the files say over them, and over that what
// the environment says. Fields that have no key, such as Logger and Kafka, keep
// the program's value. An empty value in a file, and an empty variable, leave a
// setting as it is.
//
// The settings are also validated. The error joins all that is wrong, each as
// an *Error, or as a *siskin.ConfigError where the value is the program's own.
func Load(defaults siskin.Config, files ...string) (siskin.Config, error) {
	return load(defaults, files, os.Environ())
}

func load(defaults siskin.Config, files, environ []string) (siskin.Config, error) {
	found, errs := collect(files, environ)
	cfg := defaults
	fields := reflect.ValueOf(&cfg).Elem()
	for _, k := range keys {
		s, ok := found[k.name]
		if !ok {
			continue
		}
		field := k.in(fields)
		if err := assign(field, s.value); err != nil {
			errs = append(errs, &Error{Key: k.name, Value: shown(field, s.value), Source: s.source, Err: err})
		}
	}
	if len(errs) > 0 {
		return defaults, errors.Join(errs...)
	}
	if err := cfg.Validate(); err != nil {
		return defaults, errors.Join(attributed(err, found)...)
	}
	return cfg, nil
}

// shown is the value as an error may show it.
func shown(field reflect.Value, value any) any {
	if _, secret := field.Interface().(security.Secret); secret {
		return security.Secret(fmt.Sprint(value))
	}
	return value
}

// setting is the value that won for a key.
type setting struct {
	key    key
	value  any
	source string
}

// collect reads all layers and lets later ones win.
func collect(files, environ []string) (map[string]setting, []error) {
	layers := make([]layer, 0, len(files)+1)
	for _, path := range files {
		layers = append(layers, fileLayer(path))
	}
	layers = append(layers, environmentLayer(environ))

	var errs []error
	found := make(map[string]setting)
	for _, l := range layers {
		settings, err := l.read()
		errs = append(errs, err...)
		for _, s := range settings {
			found[s.key.name] = s
		}
	}
	return found, errs
}

// attributed says where each wrong value came from, if not from the program.
func attributed(err error, found map[string]setting) []error {
	var errs []error
	for _, err := range parts(err) {
		if wrong, ok := errors.AsType[*siskin.ConfigError](err); ok {
			if s, ok := found[keyOf(wrong.Field)]; ok {
				err = &Error{Key: s.key.name, Value: wrong.Value, Source: s.source, Err: wrong.Err}
			}
		}
		errs = append(errs, err)
	}
	return errs
}

func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only the outermost is meant
		return joined.Unwrap()
	}
	return []error{err}
}
