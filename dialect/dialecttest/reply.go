package dialecttest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/dialect"
	"github.com/twmb/franz-go/pkg/kgo"
)

func values(t *testing.T, d dialect.Dialect) {
	for _, last := range []bool{false, true} {
		rec := carrier()
		d.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Last: last})
		wantKept(t, rec, true)
		got, ok := d.ReadReply(rec)
		wantKept(t, rec, true)
		if !ok || string(got.CorrelationID) != "ABC-1" || got.Last != last || got.Fault != nil {
			t.Errorf("read %+v, %v; want a value with Last %v", got, ok, last)
		}
		if _, ok := d.ReadRequest(rec); ok {
			t.Error("a reply is read as a request")
		}
		for _, value := range [][]byte{nil, {}} {
			rec := &kgo.Record{Value: value}
			d.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Last: last})
			if len(rec.Value) != 0 || (rec.Value == nil) != (value == nil) {
				t.Errorf("the value %v was changed to %v", value, rec.Value)
			}
		}
	}
}

func someFaults() []dialect.Fault {
	var out []dialect.Fault
	for _, code := range dialect.Codes {
		out = append(out,
			dialect.Fault{Code: code, Message: "it went wrong"},
			dialect.Fault{Code: code, Message: "näht < & > \" \\ \n\t 鳥 🐦"},
			dialect.Fault{Code: code, Message: "it went wrong", Details: []byte(`{"a":[1,2.50,null,"<&>"],"b":9007199254740993}`)},
			dialect.Fault{Code: code, Message: "{", Details: []byte(`"text"`)},
			dialect.Fault{Code: code, Message: "it went wrong", Details: []byte(`null`)},
		)
	}
	return out
}

func faults(t *testing.T, d dialect.Dialect) {
	for _, want := range someFaults() {
		rec := carrier()
		d.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Fault: &want, Last: true})
		wantKept(t, rec, false)
		got, ok := d.ReadReply(rec)
		if !ok || string(got.CorrelationID) != "ABC-1" || !got.Last || got.Fault == nil {
			t.Fatalf("%+v is read as %+v, %v", want, got, ok)
		}
		if f := got.Fault; f.Code != want.Code || f.Message != want.Message || !bytes.Equal(f.Details, want.Details) || f.NoHandler {
			t.Errorf("read %+v with the details %s, want %+v with %s", f, f.Details, want, want.Details)
		}
	}
	// A fault ends its call, whether its writer says so or not.
	rec := carrier()
	d.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Fault: &dialect.Fault{Code: "internal"}})
	if got, ok := d.ReadReply(rec); !ok || !got.Last || got.Fault == nil || got.Fault.Code != "internal" {
		t.Errorf("a fault without a message is read as %+v, %v", got, ok)
	}
	// Details are JSON. What is none must not spoil the rest.
	for _, details := range []string{"", "{", "no json", "\xff", "{} {}"} {
		rec := carrier()
		d.WriteReply(rec, dialect.Reply{
			CorrelationID: []byte("ABC-1"), Fault: &dialect.Fault{Code: "denied", Message: "no", Details: []byte(details)},
		})
		if got, ok := d.ReadReply(rec); !ok || got.Fault == nil || got.Fault.Code != "denied" || got.Fault.Message != "no" {
			t.Errorf("with the details %q, a fault is read as %+v", details, got.Fault)
		}
	}
}

func missingHandler(t *testing.T, d dialect.Dialect) {
	rec := carrier()
	d.WriteReply(rec, dialect.Reply{CorrelationID: []byte("ABC-1"), Fault: &dialect.Fault{Code: "unimplemented", NoHandler: true}})
	got, ok := d.ReadReply(rec)
	if !ok || !got.Last || got.Fault == nil || got.Fault.Code != "unimplemented" || got.Fault.Message == "" {
		t.Errorf("read %+v, %v; want a last reply with a fault that says something", got, ok)
	}
}

// echo lets a server answer ids that it did not make: text, or raw bytes.
func echo(t *testing.T, d dialect.Dialect) {
	for _, id := range []string{"1", "ABC-1", "\x00\x01\xfe\xff", "{\"a\":1}", "[1]", " ", strings.Repeat("x", 1000)} {
		request := carrier()
		d.WriteRequest(request, dialect.Request{CorrelationID: []byte(id), ReplyTopic: "sum.reply", ReplyPartition: 1})
		req, ok := d.ReadRequest(request)
		if !ok || string(req.CorrelationID) != id {
			t.Fatalf("the id %q is read as %q, %v", id, req.CorrelationID, ok)
		}
		for _, reply := range []dialect.Reply{
			{Last: true}, {}, {Fault: &dialect.Fault{Code: "denied"}}, {Fault: &dialect.Fault{NoHandler: true}},
		} {
			rec := new(kgo.Record)
			reply.CorrelationID = req.CorrelationID
			d.WriteReply(rec, reply)
			if got, ok := d.ReadReply(rec); !ok || string(got.CorrelationID) != id {
				t.Errorf("the id %q comes back as %q, %v", id, got.CorrelationID, ok)
			}
		}
	}
}
