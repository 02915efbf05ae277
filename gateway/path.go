package gateway

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// locate returns the path, such as items[2].price, of the value at whose end
// the JSON package stopped; for an object or array that is behind its first
// bracket. The package's own paths have neither places in lists nor keys of
// maps. Empty means the value as a whole, or not found.
func locate(data []byte, offset int64) string {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var at trail
	for {
		token, err := dec.Token()
		if err != nil {
			return ""
		}
		delim, _ := token.(json.Delim)
		if delim == ']' || delim == '}' {
			at = at[:len(at)-1]
			at.next()
			continue
		}
		isKey := at.key(token)
		if dec.InputOffset() >= offset {
			return at.String()
		}
		switch {
		case isKey:
		case delim != 0:
			at = append(at, step{list: delim == '['})
		default:
			at.next()
		}
	}
}

// trail is the way from the whole to a value.
type trail []step

// step is one object or list on the way, and the place in it.
type step struct {
	list  bool
	index int
	name  string
	named bool // name is the key of the value that comes next
}

// key takes a token for the key that it is, or reports false for a value.
func (t trail) key(token json.Token) bool {
	if len(t) == 0 {
		return false
	}
	last := &t[len(t)-1]
	if last.list || last.named {
		return false
	}
	last.name, _ = token.(string)
	last.named = true
	return true
}

// next moves on behind a value.
func (t trail) next() {
	if len(t) == 0 {
		return
	}
	last := &t[len(t)-1]
	last.index++
	last.named = false
}

func (t trail) String() string {
	var b strings.Builder
	for _, s := range t {
		switch {
		case s.list:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// has reports whether a path leads through the field name. JSON finds fields
// whatever their case.
func has(path, name string) bool {
	split := func(r rune) bool { return r == '.' || r == '[' || r == ']' }
	return name == "" || slices.ContainsFunc(strings.FieldsFunc(path, split), func(part string) bool {
		return strings.EqualFold(part, name)
	})
}
