package config

import (
	"reflect"
	"strings"

	"github.com/siskin-go/siskin"
)

// key is one setting: its name in files and the field that it fills.
type key struct{ name, field string }

// keys are all settings, in the order of the fields.
var keys = func() []key {
	var all []key
	for f := range reflect.TypeFor[siskin.Config]().Fields() {
		if name := f.Tag.Get("koanf"); name != "" && name != "-" {
			all = append(all, key{name: name, field: f.Name})
		}
	}
	return all
}()

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

// nearest is the known key that is the fewest edits away from name.
func nearest(name string) string {
	best, fewest := "", 0
	for _, k := range keys {
		if n := distance(name, k.name); best == "" || n < fewest {
			best, fewest = k.name, n
		}
	}
	return best
}

// distance is how many letters must be added, removed or replaced to turn one
// name into the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// envPrefix is in front of each variable.
const envPrefix = "SISKIN_"

// variable is the environment variable of a setting.
func variable(name string) string { return envPrefix + strings.ToUpper(name) }
