package faults_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write README.md anew")

const head = `# Faults of NestJS's Kafka transport that Siskin does not have

Written by the test of this folder: ` + "`go test ./faults -update`" + ` in the module interop. Each row is one check that
Siskin passes and NestJS %[1]s on kafkajs %[2]s fails, on the embedded broker and on Apache Kafka. The number is the
section of the protocol notes that names the fault. "Shown" is what the check saw NestJS do.

| id | fault | NestJS %[1]s: shown | Siskin |
|---|---|---|---|
`

// golden compares what NestJS was seen doing with README.md: each check must
// fail for its own reason.
func golden(t *testing.T, seen map[string]error) {
	var b strings.Builder
	fmt.Fprintf(&b, head, nestVersion(t, "@nestjs/microservices"), nestVersion(t, "kafkajs"))
	rows := faults()
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(section(a), section(b)) })
	for _, f := range rows {
		cell := strings.NewReplacer("|", `\|`, "\n", " ")
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, cell.Replace(f.fault), cell.Replace(seen[f.id].Error()), cell.Replace(f.siskin))
	}
	b.WriteString(foot)
	if *update {
		if err := os.WriteFile("README.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("NestJS did something else than in README.md (-want +got):\n%s", diff)
	}
}

// nestVersion is that of a package that the NestJS programs use.
func nestVersion(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(nestDir, "node_modules", name, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var installed struct{ Version string }
	if err := json.Unmarshal(text, &installed); err != nil {
		t.Fatal(err)
	}
	return installed.Version
}

// section is the number that an id begins with.
func section(r row) int {
	number, _, _ := strings.Cut(r.id, ".")
	n, _ := strconv.Atoi(number) // 0 for an id without one
	return n
}

const foot = `
What the notes name, and is not here:

- **Siskin does the same.** A request to a topic that has only event handlers is not answered; a record that is delivered
  again runs its handler again and is answered again; a request without a correlation id is an event; an empty error header
  ends a call without an error.
- **The effect is a row, the cause is NestJS's own.** How members of a client group claim reply partitions (section 14):
  Siskin's clients are in no group. A reply without the mark of the end: 14.silent-stream.
- **Of the language or of an option.** Class instances, symbols, errors and functions as values, objects that are changed by
  sending them (section 4); hooks, ` + "`unwrap`, `on`, `restartOnFailure`" + ` (sections 12 and 13).
- **Only under load.** The figures of the end of section 18; the tests in proof/ have Siskin's.
`
