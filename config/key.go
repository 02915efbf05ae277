package config

import (
	"reflect"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/nearest"
)

// key is one setting: its name in files and the field that it fills.
type key struct{ name, field string }

// keys are all settings, in the order of the fields. Those of a struct in Config
// have its name and a point in front of theirs.
var keys = keysOf(reflect.TypeFor[siskin.Config](), key{})

func keysOf(of reflect.Type, outer key) []key {
	var all []key
	for f := range of.Fields() {
		name := f.Tag.Get("koanf")
		if name == "" || name == "-" {
			continue
		}
		k := key{name: outer.name + name, field: outer.field + f.Name}
		if f.Type.Kind() == reflect.Struct {
			all = append(all, keysOf(f.Type, key{name: k.name + ".", field: k.field + "."})...)
			continue
		}
		all = append(all, k)
	}
	return all
}

// in returns the field of settings that the key fills.
func (k key) in(settings reflect.Value) reflect.Value {
	for name := range strings.SplitSeq(k.field, ".") {
		settings = settings.FieldByName(name)
	}
	return settings
}

func find(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// keyOf is the name of the setting that fills a field, or "".
func keyOf(field string) string {
	for _, k := range keys {
		if k.field == field {
			return k.name
		}
	}
	return ""
}

// closest is the known key that is the fewest edits away from name.
func closest(name string) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return nearest.Of(name, names)
}

// envPrefix is in front of each variable.
const envPrefix = "SISKIN_"

// variable is the environment variable of a setting.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}
