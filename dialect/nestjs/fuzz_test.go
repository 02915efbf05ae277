package nestjs_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers come from the network. Whatever they hold, what is read stays within
// bounds, and is read again from what is written for it.
func FuzzReadRequest(f *testing.F) {
	for _, s := range [][4]string{
		{"a1b2", "sum.reply", "0", "1500"},
		{"", "", "", ""},
		{"\x00\x01", "x", "\x00\x00\x00\x01", "-1"},
		{"{}", "__consumer_offsets", "1x", "9223372036854775807"},
		{"a", "b", "+1", "+1"},
		{"a", "b", "-0", "0"},
	} {
		f.Add([]byte(s[0]), []byte(s[1]), []byte(s[2]), []byte(s[3]), uint8(0xff))
		f.Add([]byte(s[0]), []byte(s[1]), []byte(s[2]), []byte(s[3]), uint8(3))
	}
	f.Fuzz(func(t *testing.T, id, topic, partition, timeout []byte, present uint8) {
		rec := repeated(timeout, id, idHeader, topicHeader, partitionHeader, timeoutHeader)
		for i, h := range []header{{idHeader, id}, {topicHeader, topic}, {partitionHeader, partition}, {timeoutHeader, timeout}} {
			if present&(1<<i) != 0 {
				rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
			} else {
				rec.Headers = without(rec.Headers, h.name)
			}
		}
		req, ok := nestjs.Dialect{}.ReadRequest(rec)
		if !ok {
			if len(id) > 0 && len(topic) > 0 && present&3 == 3 {
				t.Fatal("a record with an id and a reply topic is no request")
			}
			return
		}
		if !bytes.Equal(req.CorrelationID, id) || req.ReplyTopic != string(topic) || req.ReplyPartition < dialect.NoPartition ||
			req.Timeout < 0 || req.Timeout > 24*time.Hour || len(req.Problem) > 1_000 || !utf8.ValidString(req.Problem) {
			t.Fatalf("read %+v", req)
		}
		if req.Problem != "" && req.ReplyPartition != dialect.NoPartition {
			t.Fatalf("a partition with a problem is %d", req.ReplyPartition)
		}
		again := new(kgo.Record)
		nestjs.Dialect{}.WriteRequest(again, req)
		got, ok := nestjs.Dialect{}.ReadRequest(again)
		if !ok || string(got.CorrelationID) != string(req.CorrelationID) || got.ReplyTopic != req.ReplyTopic ||
			got.ReplyPartition != req.ReplyPartition || got.Timeout != req.Timeout || got.Problem != "" {
			t.Fatalf("%+v is written and read as %+v, %v", req, got, ok)
		}
	})
}

// repeated is a record whose headers stand there already, with other values: the
// last of a name counts.
func repeated(first, second []byte, names ...string) *kgo.Record {
	rec := new(kgo.Record)
	for _, name := range names {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: name, Value: first}, kgo.RecordHeader{Key: name, Value: second})
	}
	return rec
}

func without(headers []kgo.RecordHeader, name string) []kgo.RecordHeader {
	return slices.DeleteFunc(headers, func(h kgo.RecordHeader) bool { return h.Key == name })
}

func FuzzReadReply(f *testing.F) {
	for _, s := range [][3]string{
		{"a1b2", `{"status":"error","message":"m"}`, "\x00"}, {"", "", ""}, {"a", "[", "x"}, {"\x00", "plain", ""},
	} {
		for present := range uint8(8) {
			f.Add([]byte(s[0]), []byte(s[1]), []byte(s[2]), present)
		}
	}
	f.Fuzz(func(t *testing.T, id, fault, last []byte, present uint8) {
		rec := repeated(last, fault, idHeader, errorHeader, lastHeader)
		for i, h := range []header{{idHeader, id}, {errorHeader, fault}, {lastHeader, last}} {
			if present&(1<<i) != 0 {
				rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
			} else {
				rec.Headers = without(rec.Headers, h.name)
			}
		}
		hasID, hasError, hasLast := present&1 != 0 && len(id) > 0, present&2 != 0, present&4 != 0
		reply, ok := nestjs.Dialect{}.ReadReply(rec)
		if ok != hasID {
			t.Fatalf("a reply: %v, want %v", ok, hasID)
		}
		if reply.Last != (hasError || hasLast) || (reply.Fault != nil) != (hasError && len(fault) > 0) {
			t.Fatalf("read %+v", reply)
		}
		if !ok {
			return
		}
		again := new(kgo.Record)
		nestjs.Dialect{}.WriteReply(again, reply)
		got, ok := nestjs.Dialect{}.ReadReply(again)
		if !ok || !bytes.Equal(got.CorrelationID, id) || got.Last != reply.Last || (got.Fault == nil) != (reply.Fault == nil) {
			t.Fatalf("%+v is written and read as %+v, %v", reply, got, ok)
		}
	})
}

func FuzzReadFault(f *testing.F) {
	for _, s := range []string{
		"", "S", "7", "null", "[]", "{}", "[1,", `{"status":"error","message":"m"}`, `{"message":"m","code":"denied","details":[]}`,
		`{"status":"error","message":"Internal server error"}`, `{"message":null,"code":null}`, "{\"message\":\"\xff\"}", "{\"\xff\":1}",
		`{"message":"m","code":""}`, `{"message":"m","details":1}`, `{"message":"m","message":1}`, `{"status":"error","message":"\ud800"}`,
		"There is no matching message handler defined in the remote service.", "{\"message\":\"m\",\"details\":\"\xfe\"}",
		// encoding/json goes 10,000 levels deep.
		strings.Repeat("[", 50_000), `{"message":"m","details":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		`{"message":"m","code":"denied","details":` + strings.Repeat("[", 9_998) + strings.Repeat("]", 9_998) + "}",
		`{"message":"m","code":"denied","details":"` + strings.Repeat("d", 100_000) + `"}`, `{"message":` + strings.Repeat("9", 50_000) + "}",
		`{"message":"` + strings.Repeat("\xff", 10_000) + `"}`, strings.Repeat(`{"details":`, 9_999) + "1" + strings.Repeat("}", 9_999),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fault := readFault(b)
		if fault == nil {
			if len(b) != 0 {
				t.Fatalf("%q is no error", b)
			}
			return
		}
		if !slices.Contains(dialect.Codes, fault.Code) {
			t.Fatalf("%q has the code %q", b, fault.Code)
		}
		if !utf8.ValidString(fault.Message) || len(fault.Message) > 3*len(b)+100 {
			t.Fatalf("%q has the message %q", b, fault.Message)
		}
		if fault.Details != nil && !json.Valid(fault.Details) {
			t.Fatalf("%q has the details %q", b, fault.Details)
		}
		// Passed on by Siskin, it reads the same at the next hop and all after it.
		first := writeFault(fault)
		if second := writeFault(readFault(first)); !bytes.Equal(first, second) {
			t.Fatalf("%q is passed on as\n%q, and that as\n%q", b, first, second)
		}
	})
}
