//go:build synctests

package intake_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// change replaces a piece of an engine file, which must be there exactly once.
type change struct{ file, old, new string }

// child plays the simulation in a process that is built with changes to the
// engine.
func child(t *testing.T, changes []change, flags ...string) (output string, err error) {
	t.Helper()
	args := []string{
		"test", "-tags", "synctests", "-overlay", overlay(t, changes), "-vet", "off", "-count", "1",
		"-run", "^TestSimulation$",
	}
	args = append(append(args, "."), flags...)
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	return string(out), err
}

// overlay is a file that makes the go command read changed files.
func overlay(t *testing.T, changes []change) string {
	t.Helper()
	dir := t.TempDir()
	text := make(map[string]string)
	replace := make(map[string]string)
	for _, c := range changes {
		path, err := filepath.Abs(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if _, read := text[path]; !read {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("a change is out of date: %v", err)
			}
			text[path] = string(b)
			replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		}
		if n := strings.Count(text[path], c.old); n != 1 {
			t.Fatalf("a change is out of date: %s has this %d times, want once:\n%s", c.file, n, c.old)
		}
		text[path] = strings.Replace(text[path], c.old, c.new, 1)
	}
	for path, changed := range text {
		if err := os.WriteFile(replace[path], []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}
