package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/siskintest"
)

// result is how a scene went with one version of NestJS.
type result struct {
	// Verdict is same, differs (on purpose), fails, or absent: that version of
	// NestJS does not know the rule.
	Verdict string `json:"verdict"`
	Ways    string `json:"ways,omitempty"`
	// Own says that this version writes or reads something else than the newest.
	Own bool `json:"own,omitempty"`
}

// results are those of one kind of broker, by scene and version.
type results struct {
	broker string
	of     map[string]map[string]result
}

// brokers are the kinds of broker, and their names in the table.
var brokers = []struct{ kind, name string }{{"embedded", "embedded"}, {"kafka", "Kafka"}}

func newResults(t *testing.T) *results {
	t.Helper()
	r := &results{broker: brokers[0].kind, of: make(map[string]map[string]result)}
	if siskintest.Real() {
		r.broker = brokers[1].kind
	}
	return r
}

func (r *results) add(c scene, v version, one result) {
	if r.of[c.id] == nil {
		r.of[c.id] = make(map[string]result)
	}
	r.of[c.id][fmt.Sprint(v.number)] = one
}

func resultsFile(broker string) string { return filepath.Join("testdata", "results", broker+".json") }

const (
	tableFile  = "../../docs/compatibility.md"
	tableBegin = "<!-- conformance: written by go test ./interop/conformance -update -->\n"
	tableEnd   = "<!-- conformance: end -->\n"
)

// finish writes the results and the table, or compares them with what is there.
// A run of some scenes only says nothing about the others.
func (r *results) finish(t *testing.T) {
	t.Helper()
	known := readResults(t, r.broker)
	if !r.complete() {
		for id, of := range known {
			for number, one := range of {
				if _, played := r.of[id][number]; !played && r.of[id] != nil {
					r.of[id][number] = one
				} else if r.of[id] == nil {
					r.of[id] = map[string]result{number: one}
				}
			}
		}
	}
	text, err := json.MarshalIndent(r.of, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	agree(t, resultsFile(r.broker), append(text, '\n'))
	document, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := bytes.Cut(document, []byte(tableBegin))
	_, after, ends := bytes.Cut(rest, []byte(tableEnd))
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", tableFile)
	}
	agree(t, tableFile, bytes.Join([][]byte{before, r.table(t), after}, nil))
}

func (r *results) complete() bool {
	for _, c := range scenes() {
		if len(r.of[c.id]) != len(versions) {
			return false
		}
	}
	return true
}

func readResults(t *testing.T, broker string) (of map[string]map[string]result) {
	t.Helper()
	text, err := os.ReadFile(resultsFile(broker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &of)
	}
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// agree compares a file with what it must hold, or writes it.
func agree(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(text)); diff != "" {
		t.Errorf("%s does not say what this run has found (-file +run):\n%s", file, diff)
	}
}

// table is the section of the document.
func (r *results) table(t *testing.T) []byte {
	t.Helper()
	all := make(map[string]map[string]map[string]result)
	for _, b := range brokers {
		if all[b.kind] = r.of; b.kind != r.broker {
			all[b.kind] = readResults(t, b.kind)
		}
	}
	var b bytes.Buffer
	b.WriteString(tableBegin + fmt.Sprintf(legend, len(scenes()), strings.Join(exactVersions(t), ", ")) + "| case | rule | ways |")
	rule := "|---|---|---|"
	for _, v := range versions {
		for _, broker := range brokers {
			fmt.Fprintf(&b, " %d %s |", v.number, broker.name)
			rule += "---|"
		}
	}
	b.WriteString(" otherwise on purpose |\n" + rule + "---|\n")
	for _, c := range scenes() {
		ways := ""
		var cells []string
		for _, v := range versions {
			for _, broker := range brokers {
				one := all[broker.kind][c.id][fmt.Sprint(v.number)]
				if ways == "" {
					ways = one.Ways
				}
				cells = append(cells, one.cell())
			}
		}
		fmt.Fprintf(&b, "| [%s](../interop/conformance/%s) | %s | %s | %s | %s |\n", c.id, filepath.ToSlash(goldenFile(c.id, 0)), cellText(c.rule), ways, strings.Join(cells, " | "), cellText(c.differs))
	}
	b.WriteString("\n" + tableEnd)
	return b.Bytes()
}

const legend = `
%d cases, played with NestJS %s, on the embedded broker and on Apache Kafka. Each case links to the records that both sides
wrote and to what they read.

- Ways: *in*: NestJS wrote and Siskin read. *out*: Siskin wrote and NestJS read. *raw*: the test wrote, and both read.
- *same*: Siskin does as NestJS. *differs*: it does otherwise, on purpose; the last column says how.
- –: this version of NestJS does not know the rule. °: this version does something else than the newest one; its records are in
  a file of their own beside the linked one.

`

// exactVersions are those of the lock files.
func exactVersions(t *testing.T) (all []string) {
	t.Helper()
	for _, v := range versions {
		var wanted struct{ Dependencies map[string]string }
		text, err := os.ReadFile(filepath.Join(v.packages, "package.json"))
		if err == nil {
			err = json.Unmarshal(text, &wanted)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, wanted.Dependencies["@nestjs/microservices"])
	}
	return all
}

func (r result) cell() string {
	switch {
	case r.Verdict == "":
		return "not run"
	case r.Verdict == "absent":
		return "–"
	case r.Own:
		return r.Verdict + " °"
	}
	return r.Verdict
}

// cellText is text that a table takes.
func cellText(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
