package interop_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/interop/records"
	"github.com/twmb/franz-go/pkg/kgo"
)

var update = flag.Bool("update", false, "write the golden files of testdata/wire anew")

// golden compares the records that both sides wrote with the file of the scene.
func (w wire) golden(t *testing.T, scene string, siskin, nest []*kgo.Record) {
	t.Helper()
	var b strings.Builder
	b.WriteString("What Siskin writes:\n")
	w.describe(t, &b, siskin)
	b.WriteString("\nWhat NestJS writes:\n")
	w.describe(t, &b, nest)
	file := filepath.Join("testdata", "wire", scene+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the records differ from %s (-want +got):\n%s", file, diff)
	}
}

func (w wire) describe(t *testing.T, b *strings.Builder, all []*kgo.Record) {
	t.Helper()
	records.Text{Prefixes: []string{w.twinPrefix, w.prefix}, Unknown: t.Errorf}.Write(b, all)
}

// plain is a topic without the prefix of this run.
func (w wire) plain(topic string) string {
	return records.Text{Prefixes: []string{w.twinPrefix, w.prefix}}.Topic(topic)
}

// Headers of which something is known here.
const (
	correlationID = records.CorrelationID
	replyTopic    = records.ReplyTopic
	nestError     = "kafka_nest-err"
)

// agree checks that Siskin's records are NestJS's, but for what Siskin adds.
func (w wire) agree(t *testing.T, siskin, nest []*kgo.Record) {
	t.Helper()
	if len(siskin) != len(nest) {
		t.Errorf("Siskin wrote %d records, NestJS %d", len(siskin), len(nest))
		return
	}
	for i, ours := range siskin {
		theirs := nest[i]
		same(t, i, "topic", []byte(w.plain(ours.Topic)), []byte(w.plain(theirs.Topic)))
		same(t, i, "key", ours.Key, theirs.Key)
		same(t, i, "value", ours.Value, theirs.Value)
		w.sameHeaders(t, i, ours.Headers, theirs.Headers)
	}
}

func same(t *testing.T, record int, what string, ours, theirs []byte) {
	t.Helper()
	if (ours == nil) != (theirs == nil) || !bytes.Equal(ours, theirs) {
		t.Errorf("record %d: the %s is %s, NestJS's is %s", record, what, records.Bytes(ours), records.Bytes(theirs))
	}
}

func (w wire) sameHeaders(t *testing.T, record int, ours, theirs []kgo.RecordHeader) {
	t.Helper()
	kept := make([]kgo.RecordHeader, 0, len(ours))
	for _, h := range ours {
		if !strings.HasPrefix(h.Key, "siskin-") {
			kept = append(kept, h)
		}
	}
	if len(kept) != len(theirs) {
		t.Errorf("record %d: the headers are %v, NestJS's are %v", record, names(kept), names(theirs))
		return
	}
	for i, h := range kept {
		same(t, record, "name of a header", []byte(h.Key), []byte(theirs[i].Key))
		switch h.Key {
		case correlationID: // the forms are checked where they are printed
		case replyTopic:
			same(t, record, h.Key, []byte(w.plain(string(h.Value))), []byte(w.plain(string(theirs[i].Value))))
		case nestError: // ours is an object with further fields at its end
			if !bytes.HasPrefix(h.Value, bytes.TrimSuffix(theirs[i].Value, []byte("}"))) {
				t.Errorf("record %d: the error %s does not begin as NestJS's: %s", record, h.Value, theirs[i].Value)
			}
		default:
			same(t, record, h.Key, h.Value, theirs[i].Value)
		}
	}
}

func names(headers []kgo.RecordHeader) (out []string) {
	for _, h := range headers {
		out = append(out, h.Key)
	}
	return out
}
