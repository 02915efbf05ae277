package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/knadh/koanf/parsers/json"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// layer is one place that settings come from.
type layer struct {
	place string
	load  func(*koanf.Koanf) error
	// spell is how a key is written there.
	spell func(name string) string
	// source is where to look for the value of a key.
	source func(name string) string
}

func fileLayer(path string) layer {
	return layer{
		place: path,
		load: func(k *koanf.Koanf) error {
			parser, err := parserFor(path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path) //nolint:gosec // the program names the file
			if err != nil {
				return err
			}
			return k.Load(rawbytes.Provider(text), parser)
		},
		spell:  func(name string) string { return name },
		source: func(string) string { return path },
	}
}

func parserFor(path string) (koanf.Parser, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".yaml", ".yml":
		return yaml.Parser(), nil
	case ".json":
		return json.Parser(), nil
	default:
		return nil, fmt.Errorf("cannot tell its format from the ending %q; want .yaml, .yml or .json", ext)
	}
}

func environmentLayer(environ []string) layer {
	return layer{
		place: "the environment",
		load: func(k *koanf.Koanf) error {
			return k.Load(env.Provider("", env.Opt{
				Prefix:        envPrefix,
				EnvironFunc:   func() []string { return environ },
				TransformFunc: environmentKey,
			}), nil)
		},
		spell:  variable,
		source: variable,
	}
}

// environmentKey turns a variable into a key, or into "" when it is not meant
// for us.
func environmentKey(name, value string) (string, any) {
	if value == "" || foreign.MatchString(strings.TrimPrefix(name, envPrefix)) {
		return "", nil
	}
	for _, k := range keys {
		if variable(k.name) == name {
			return k.name, value
		}
	}
	return strings.ToLower(strings.TrimPrefix(name, envPrefix)), value
}

// foreign are variables that begin with SISKIN_ and are no settings: those of
// this project's own tools, and those that Kubernetes puts into every container
// beside a Service whose name begins with "siskin". Refusing the latter would
// keep a program from starting because of somebody else's object.
var foreign = regexp.MustCompile(
	`^(CACHE|CONFIG|KAFKA_.*)$|_?SERVICE_(HOST|PORT(_.+)?)$|(^|_)PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

// read returns the known settings of the layer and what is wrong with the rest.
func (l layer) read() ([]setting, []error) {
	k := koanf.New(".")
	if err := l.load(k); err != nil {
		return nil, []error{&Error{Source: l.place, Err: err}}
	}
	var found []setting
	var errs []error
	for _, name := range k.Keys() {
		known, ok := find(name)
		value := k.Get(name)
		switch {
		case !ok:
			errs = append(errs, &Error{Key: l.spell(name), Source: l.place, Err: unknown(l.spell(closest(name)))})
		case value != nil:
			found = append(found, setting{key: known, value: value, source: l.source(name)})
		}
	}
	return found, errs
}

func unknown(nearest string) error {
	return fmt.Errorf("unknown key; the nearest known one is %s", nearest)
}
