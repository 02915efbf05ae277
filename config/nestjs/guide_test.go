package nestjs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the guide anew")

const guide = "../../docs/guides/nestjs-options.md"

// The guide is the table.
func TestGuide(t *testing.T) {
	t.Parallel()
	want := render()
	if *update {
		if err := os.WriteFile(guide, want, 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not the table; write it anew with: go test ./config/nestjs -update", guide)
	}
}

func render() []byte {
	var b bytes.Buffer
	b.WriteString(head)
	group := "-"
	for _, o := range Table {
		first, _, _ := strings.Cut(o.Path, ".")
		if !strings.Contains(o.Path, ".") {
			first = "" // the options beside the groups
		}
		if first != group {
			group = first
			fmt.Fprintf(&b, "\n## %s\n\n| NestJS | | Siskin | |\n|---|---|---|---|\n", title(group))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Path, o.Verdict, setting(o), sentence(o.Note))
	}
	return b.Bytes()
}

func title(group string) string {
	if group == "" {
		return "Other options"
	}
	return "`" + group + "`"
}

func setting(o Option) string {
	if o.Siskin == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(o.Siskin, ": ", "`: `") + "`"
}

func sentence(note string) string {
	if note == "" {
		return ""
	}
	return strings.ReplaceAll(strings.ToUpper(note[:1])+note[1:], "|", `\|`) + "."
}

const head = `<!-- Written by "go test ./config/nestjs -update" from config/nestjs/table.go. Do not edit. -->
# NestJS's options in Siskin

Package ` + "`config/nestjs`" + ` takes the options of NestJS's Kafka transport and gives a ` + "`siskin.Config`" + `:

` + "```go" + `
options, err := nestjs.Load("kafka.json") // what stands in KafkaOptions.options; or nestjs.Options{…} in code
cfg, err := options.Server()              // for siskin.NewService, as ServerKafka
cfg, err := options.Caller()              // for siskin.NewClient, as ClientKafka
cfg.Timeout = 5 * time.Second             // what NestJS has no name for
` + "```" + `

Each option of NestJS 12 and kafkajs 2.2 is in one of these tables:

- **same**: a setting of the same meaning. **other name**: the same under another name.
- **not needed**: it is taken and has nothing to do, for the reason that is given.
- **refused**: an error at the start, which says what to do instead. Some are refused only with a value that is dangerous.

A name that is not in the tables is an error that names the nearest one. Times are milliseconds in NestJS, and
` + "`time.Duration`" + ` in Siskin. Some defaults differ; the tables say where.
`
