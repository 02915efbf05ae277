package conformance_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files, the results and the table anew")

// goldens are the scripts of the scenes: of each, that of NestJS 12, or of the
// newest version that knows the rule, and those of older versions that differ.
type goldens struct{ scripts map[string]map[int]string }

func goldenFile(id string, number int) string {
	name := id + ".txt"
	if number > 0 {
		name = fmt.Sprintf("%s.nest%d.txt", id, number)
	}
	return filepath.Join("testdata", "golden", name)
}

// compare compares a script with its file. It reports whether the version has a
// file of its own.
func (g goldens) compare(t *testing.T, id string, v version, script string) (own bool) {
	t.Helper()
	if g.scripts[id] == nil {
		g.scripts[id] = make(map[int]string)
	}
	g.scripts[id][v.number] = script
	if *update {
		newest, _ := g.newest(id)
		return script != g.scripts[id][newest]
	}
	file := goldenFile(id, v.number)
	want, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		file = goldenFile(id, 0)
		want, err = os.ReadFile(file)
	} else {
		own = true
	}
	if err != nil {
		t.Errorf("%v; run the test with -update and read what it writes", err)
	} else if diff := cmp.Diff(string(want), script); diff != "" {
		t.Errorf("what happened differs from %s (-want +got):\n%s", file, diff)
	}
	return own
}

func (g goldens) newest(id string) (int, bool) {
	for _, v := range versions {
		if _, ok := g.scripts[id][v.number]; ok {
			return v.number, true
		}
	}
	return 0, false
}

// write writes the files of all scripts that there are.
func (g goldens) write(t *testing.T) {
	t.Helper()
	for id, scripts := range g.scripts {
		newest, _ := g.newest(id)
		for number, script := range scripts {
			own := goldenFile(id, number)
			if script == scripts[newest] {
				if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
				own = goldenFile(id, 0)
			}
			if err := os.WriteFile(own, []byte(script), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
}
