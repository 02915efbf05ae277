package interop_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// describe prints records without what differs from run to run.
func (w wire) describe(t *testing.T, b *strings.Builder, records []*kgo.Record) {
	t.Helper()
	for _, r := range records {
		fmt.Fprintf(b, "\n  topic  %s\n  key    %s\n  value  %s\n", w.plain(r.Topic), bytesText(r.Key), bytesText(r.Value))
		for _, h := range r.Headers {
			fmt.Fprintf(b, "  header %s = %s\n", h.Key, bytesText(w.constant(t, h)))
		}
	}
}

// bytesText tells no bytes from empty ones.
func bytesText(b []byte) string {
	if b == nil {
		return "none"
	}
	return fmt.Sprintf("%q", b)
}

// plain is a topic without the prefix of this run.
func (w wire) plain(topic string) string {
	return strings.TrimPrefix(strings.TrimPrefix(topic, w.twinPrefix), w.prefix)
}

var (
	siskinID = regexp.MustCompile(`^[A-Z2-7]{16}-[0-9a-z]+$`)
	nestID   = regexp.MustCompile(`^[0-9a-f]{21}$`)
	digits   = regexp.MustCompile(`^[1-9][0-9]*$`)
)

// constant replaces the value of a header that is another one each time.
func (w wire) constant(t *testing.T, h kgo.RecordHeader) []byte {
	t.Helper()
	switch {
	case h.Key == correlationID && siskinID.Match(h.Value):
		return []byte("<id of Siskin>")
	case h.Key == correlationID && nestID.Match(h.Value):
		return []byte("<id of NestJS>")
	case h.Key == correlationID:
		t.Errorf("the correlation id %q has an unknown form", h.Value)
	case h.Key == replyTopic:
		return []byte(w.plain(string(h.Value)))
	case h.Key == timeoutHeader && digits.Match(h.Value):
		return []byte("<ms>")
	case h.Key == timeoutHeader:
		t.Errorf("%s is %q, want milliseconds", h.Key, h.Value)
	}
	return h.Value
}

// Headers of which something is known here.
const (
	correlationID = "kafka_correlationId"
	replyTopic    = "kafka_replyTopic"
	nestError     = "kafka_nest-err"
	timeoutHeader = "siskin-timeout"
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
		t.Errorf("record %d: the %s is %s, NestJS's is %s", record, what, bytesText(ours), bytesText(theirs))
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
