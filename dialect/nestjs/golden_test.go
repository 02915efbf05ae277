package nestjs_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
)

var update = flag.Bool("update", false, "write the golden files")

// dump is a record as text: each byte of its key, value and headers, in order.
func dump(rec *kgo.Record) string {
	quote := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%q", b)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- key --\n%s\n-- value --\n%s\n-- headers --\n", quote(rec.Key), quote(rec.Value))
	for _, h := range rec.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, quote(h.Value))
	}
	return b.String()
}

// golden compares a record with testdata/golden/NAME.txt.
func golden(t *testing.T, name string, rec *kgo.Record) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	got := dump(rec)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// The bytes of requests, as section 2 and 3 of the protocol notes have them.
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	request := dialect.Request{CorrelationID: []byte("ABC-1"), ReplyTopic: "sum.reply", ReplyPartition: 3}
	without := request
	without.ReplyPartition = dialect.NoPartition
	timed := request
	timed.Timeout = 1500 * time.Millisecond
	short := request
	short.Timeout = time.Microsecond
	for name, req := range map[string]dialect.Request{
		"request": request, "request-without-partition": without, "request-with-timeout": timed,
		"request-with-short-timeout": short,
	} {
		rec := &kgo.Record{Value: []byte("[1,2,3]")}
		nestjs.Dialect{}.WriteRequest(rec, req)
		golden(t, name, rec)
	}
	rec := &kgo.Record{
		Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "tenant", Value: []byte("7")}, {Key: "empty"}},
	}
	nestjs.Dialect{}.WriteRequest(rec, request)
	golden(t, "request-with-headers", rec)
}

// The bytes of replies, as sections 2, 7, 8 and 9 have them.
func TestReplyBytes(t *testing.T) {
	t.Parallel()
	last := dialect.Reply{Last: true}
	fault := func(f dialect.Fault) dialect.Reply { return dialect.Reply{Fault: &f, Last: true} }
	for _, tt := range []struct {
		name  string
		value []byte
		reply dialect.Reply
	}{
		{"value", []byte("6"), dialect.Reply{}},
		{"value-last", []byte("6"), last},
		{"value-empty-last", []byte{}, last},
		{"null", nil, dialect.Reply{}},
		{"null-last", nil, last},
		{"fault", nil, fault(dialect.Fault{Code: "denied", Message: "no"})},
		{"fault-with-value", []byte("6"), fault(dialect.Fault{Code: "denied", Message: "no"})},
		{"fault-not-marked-last", nil, dialect.Reply{Fault: &dialect.Fault{Code: "denied", Message: "no"}}},
		{"fault-with-details", nil, fault(dialect.Fault{
			Code: "invalid", Message: "no", Details: []byte(`{ "field": "a<b>&c", "n": 9007199254740993 }`),
		})},
		{"fault-with-bad-details", nil, fault(dialect.Fault{Code: "invalid", Message: "no", Details: []byte(`{`)})},
		{"fault-with-odd-text", nil, fault(dialect.Fault{Code: "conflict", Message: "a<b> & \"c\" \\ ä \n 鳥"})},
		{"fault-without-message", nil, fault(dialect.Fault{Code: "denied"})},
		{"fault-without-code", nil, fault(dialect.Fault{Message: "no"})},
		{"fault-internal", nil, fault(dialect.Fault{Code: "internal"})},
		{"fault-internal-with-message", nil, fault(dialect.Fault{Code: "internal", Message: "the disk is full"})},
		{"fault-no-handler", nil, fault(dialect.Fault{Code: "unimplemented", Message: "x", NoHandler: true})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := &kgo.Record{Value: tt.value}
			tt.reply.CorrelationID = []byte("ABC-1")
			nestjs.Dialect{}.WriteReply(rec, tt.reply)
			golden(t, tt.name, rec)
		})
	}
	t.Run("fault-of-each-code", func(t *testing.T) {
		t.Parallel()
		rec := new(kgo.Record)
		for _, code := range dialect.Codes {
			nestjs.Dialect{}.WriteReply(rec, dialect.Reply{
				CorrelationID: []byte("ABC-1"), Fault: &dialect.Fault{Code: code, Message: "m"},
			})
		}
		golden(t, "fault-of-each-code", rec)
	})
}

// A handler's own headers stay in front.
func TestReplyKeepsHeaders(t *testing.T) {
	t.Parallel()
	rec := &kgo.Record{Value: []byte("6"), Headers: []kgo.RecordHeader{{Key: "tenant", Value: []byte("7")}}}
	nestjs.Dialect{}.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Last: true})
	golden(t, "value-with-headers", rec)
}

// Whatever writes the golden files, each must be one of a test.
func TestGoldenFilesAreUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if !*update && len(files) != 23 {
		t.Errorf("there are %d golden files, want 23: is one left over?", len(files))
	}
}
