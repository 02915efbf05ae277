//go:build synctests

package retry_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a queue, or a use of it, with a fault that the worlds must find.
type mutant struct {
	name    string
	changes []change
	rules   []string // the seed decides which of them is seen to be broken
}

// change replaces a piece of a file, which must be there exactly once.
type change struct{ file, old, new string }

const useFile = "world_owner_test.go"

// mutants are the faults that the rules are there for. When a file has changed, bring
// the same fault into its new form.
var mutants = []mutant{
	{"what is done behind the commit is not known", []change{{
		"read.go", "q.last.Done(c.Offset) || ", "",
	}}, []string{noLoss, replay}},
	{"a commit before the marker forgets what was done", []change{{
		"position.go", "\t\tif p.Done(was) {\n\t\t\tnext.set(was)\n\t\t}\n", "",
	}}, []string{replay}},
	{"the retry partition's position is taken before the source's", []change{{
		useFile, "\to.commit.source, _, _ = o.sourceMarks.Position()\n", "\to.commit.retry, _, o.commit.metadata = o.q.Position()\n",
	}, {
		useFile, "\tr.retry, _, r.metadata = o.q.Position() // retry is -1 before begin\n", "\tr.source, _, _ = o.sourceMarks.Position()\n",
	}}, []string{replay}},
	{"an owner writes before its commit is taken", []change{{
		useFile, "\to.q.Begin(o.committed.source", "\to.confirmed = true\n\to.q.Begin(o.committed.source",
	}}, []string{replay}},
	{"an owner asks where the source ends before its marker is stored", []change{{
		useFile, "\tgen, life int\n", "\tgen, life int\n\tasked     int64\n",
	}, {
		useFile, "\t\tw: w, gen: w.gen,", "\t\tw: w, asked: w.end, gen: w.gen,",
	}, {
		useFile, "\to.q.Begin(o.committed.source, o.w.end, o.last)\n", "\to.q.Begin(o.committed.source, o.asked, o.last)\n",
	}}, []string{keyOrder}},
	{"a marker makes an owner", []change{{
		"read.go", "\tif q.cfg.KeepOrder && !q.isOpen()", "\tif !q.isOpen() {\n\t\tq.last.Owner = max(q.last.Owner, c.Offset)\n\t}\n\tif q.cfg.KeepOrder && !q.isOpen()",
	}}, []string{forward, noLoss}},
	{"the last owner is forgotten before the marker", []change{{
		"queue.go", "\t\towner = q.last.Owner\n", "",
	}}, []string{keyOrder, replay}},
	{"late copies before the own marker count", []change{{
		"read.go", "return c.Owner != NoOwner && c.Owner < q.last.Owner", "return false && c.Owner < q.last.Owner",
	}}, []string{noLoss, keyOrder, replay}},
	{"late copies behind the own marker count", []change{{
		"read.go", "return c.Owner != q.owner", "return false",
	}}, []string{noLoss, keyOrder, replay}},
	{"copies of earlier owners are late", []change{{
		"read.go", " && q.last.Owner < c.Offset", "",
	}}, []string{forward, noLoss}},
	{"what is parked does not wait for its turn in the source", []change{{
		"read.go", "it.ahead = q.cfg.KeepOrder && ", "it.ahead = false && ",
	}}, []string{keyOrder, forward}},
	{"a copy waits for a source record that is gone", []change{{
		"queue.go", "\tif q.ahead.Len() > 0 {\n\t\tq.overtaken(l, rec.Offset)\n\t}\n", "",
	}}, []string{keyOrder, progress}},
	{"the watermark sets nothing free", []change{{
		"queue.go", "\tif offset <= q.lowest.Load() {", "\tif true || offset <= q.lowest.Load() {",
	}}, []string{progress}},
	{"a record waits behind one that waits for its turn", []change{{
		"item.go", "return l.running > 0 || !l.items[0].ahead", "return true",
	}}, []string{progress}},
	{"a blocked key is not blocked", []change{{
		"queue.go", "\t\treturn Park\n", "\t\treturn Run\n",
	}}, []string{keyOrder}},
	{"a stored record is run from the source too", []change{{
		"queue.go", "\t\tq.meet(it)\n\t\treturn Skip\n", "\t\tq.meet(it)\n\t\treturn Run\n",
	}}, []string{forward, keyOrder}},
	{"a key is in the order of the retry partition", []change{{
		"item.go", "\tl.items = slices.Insert(l.items, i, it)\n", "\tl.items = append(l.items[:max(i, len(l.items))], it)\n",
	}}, []string{keyOrder}},
	{"any of a key may run", []change{{
		"queue.go", "it.line.items[0] == it && it.line.free()", "it.line.free()",
	}}, []string{keyOrder}},
	{"an older copy is never done", []change{{
		"queue.go", "\t\tit.read = false\n\t\tq.done(it.mark)\n", "\t\tit.read = false\n",
	}}, []string{progress, replay}},
	{"a copy runs before it is read", []change{{
		"queue.go", "\trests := it.state == waiting && it.read\n", "\trests := it.state == waiting\n",
	}}, []string{replay}},
	{"an entry runs while it is written once more", []change{{
		"queue.go", "\tit.state = moving\n", "",
	}}, []string{keyOrder, replay}},
	{"nothing is refused", []change{{
		"queue.go", "\tif int(q.size.Load()) >= q.cfg.Records || ", "\tif ",
	}}, []string{bounds}},
	{"a cancelled record stays", []change{{
		"queue.go", "it.copyAt == nowhere {\n\t\tq.remove(it)", "it.copyAt == nowhere {",
	}}, []string{keyOrder, progress}},
	{"a returned entry stays away", []change{{
		"queue.go", "it.state != writing {\n\t\tq.wait(it)", "it.state != writing {",
	}}, []string{progress}},
	{"a record is known by its offset", []change{{
		"item.go", "\t\tit.rec.Timestamp.UnixMilli() == rec.Timestamp.UnixMilli() &&\n", "",
	}}, []string{noLoss}},
}

// TestMutants proves that the worlds find what they are there to find.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			output, err := child(t, m.changes)
			if err == nil {
				t.Fatal("no world notices")
			}
			for _, rule := range m.rules {
				if strings.Contains(output, ": "+rule+": ") {
					return
				}
			}
			t.Errorf("the worlds fail without a word on %q:\n%.3000s", m.rules, output)
		})
	}
}

// child plays the worlds with changes to the queue. The seed is fixed: what is found
// today is found tomorrow.
func child(t *testing.T, changes []change) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay(t, changes), "-vet", "off", "-count", "1",
		"-run", "^TestWorldWithOrder$", ".", "-rapid.seed=1", "-rapid.checks=20000", "-rapid.shrinktime=0s", "-rapid.nofailfile")
	out, err := cmd.CombinedOutput()
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
			replace[path] = filepath.Join(dir, fmt.Sprintf("%d_%s", len(replace), filepath.Base(path)))
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
