package faults_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write README.md anew")

const head = `# Faults of NestJS's Kafka transport that Siskin does not have

Written by the test of this folder: ` + "`go test ./faults -update`" + ` in the module interop. Each row is one check that
Siskin passes and NestJS 12.1.1 on kafkajs 2.2.4 fails, on the embedded broker and on Apache Kafka. The number is the
section of the protocol notes that names the fault. "Shown" is what the check saw NestJS do.

| id | fault | NestJS 12.1.1: shown | Siskin |
|---|---|---|---|
`

// golden compares what NestJS was seen doing with README.md: each check must
// fail for its own reason.
func golden(t *testing.T, seen map[string]error) {
	var b strings.Builder
	b.WriteString(head)
	for _, f := range faults() {
		cell := strings.NewReplacer("|", `\|`, "\n", " ")
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, cell.Replace(f.fault), cell.Replace(seen[f.id].Error()), cell.Replace(f.siskin))
	}
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
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("NestJS did something else than in README.md (-want +got):\n%s", diff)
	}
}
