package nestjs_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// readFault is what a client makes of the bytes of an error.
func readFault(b []byte) *dialect.Fault {
	reply, _ := nestjs.Dialect{}.ReadReply(record(text(idHeader, "a"), header{errorHeader, b}))
	return reply.Fault
}

// writeFault is the bytes that a service sends for an error.
func writeFault(f *dialect.Fault) []byte {
	rec := new(kgo.Record)
	nestjs.Dialect{}.WriteReply(rec, dialect.Reply{CorrelationID: []byte("a"), Fault: f})
	return rec.Headers[1].Value
}

// The errors of a NestJS server, row by row of section 8 of the protocol notes.
func TestReadFault(t *testing.T) {
	t.Parallel()
	whole := func(s string) *dialect.Fault {
		return &dialect.Fault{Code: "unknown", Message: s, Details: []byte(s)}
	}
	for _, tt := range []struct {
		name, bytes string
		want        *dialect.Fault
	}{
		{
			"an Error, an HttpException, anything", `{"status":"error","message":"Internal server error"}`,
			&dialect.Fault{Code: "internal", Message: "Internal server error"},
		},
		{"RpcException('msg')", `{"status":"error","message":"msg"}`, &dialect.Fault{Code: "unknown", Message: "msg"}},
		{"RpcException(7)", `{"status":"error","message":7}`, whole(`{"status":"error","message":7}`)},
		{"RpcException()", `{"status":"error"}`, whole(`{"status":"error"}`)},
		{
			"RpcException of an object", `{"code":42,"message":"m","deep":{"a":[1]}}`,
			&dialect.Fault{Code: "unknown", Message: "m", Details: []byte(`{"code":42,"message":"m","deep":{"a":[1]}}`)},
		},
		{"RpcException of an array", `["a","b"]`, whole(`["a","b"]`)},
		{"RpcException of an Error", `{}`, whole(`{}`)},
		{
			"a guard denies", `{"status":"error","message":"Forbidden resource"}`,
			&dialect.Fault{Code: "unknown", Message: "Forbidden resource"},
		},
		{
			"KafkaRetriableException behind a value", `{"error":"rt","message":"rt"}`,
			&dialect.Fault{Code: "unknown", Message: "rt", Details: []byte(`{"error":"rt","message":"rt"}`)},
		},
		{
			"no handler", "There is no matching message handler defined in the remote service.",
			&dialect.Fault{
				Code: "unimplemented", NoHandler: true,
				Message: "There is no matching message handler defined in the remote service.",
			},
		},
		{"a filter that throws a string", "S", &dialect.Fault{Code: "unknown", Message: "S"}},
		{"a filter that throws a number as text", "7", whole("7")},
		{"a filter that throws nothing", "", nil},

		{
			"Siskin's own", `{"status":"error","message":"no","code":"denied","details":{"a":1}}`,
			&dialect.Fault{Code: "denied", Message: "no", Details: []byte(`{"a":1}`)},
		},
		{
			"Siskin's own without details", `{"status":"error","message":"no","code":"denied"}`,
			&dialect.Fault{Code: "denied", Message: "no"},
		},
		{
			"Siskin's own, internal, with a text", `{"status":"error","message":"the disk is full","code":"internal"}`,
			&dialect.Fault{Code: "internal", Message: "the disk is full"},
		},
		{
			"a code of the peer", `{"status":"error","message":"m","code":"P2002"}`,
			&dialect.Fault{Code: "unknown", Message: "m", Details: []byte(`{"status":"error","message":"m","code":"P2002"}`)},
		},
		{
			"an empty code", `{"status":"error","message":"m","code":""}`,
			&dialect.Fault{Code: "unknown", Message: "m", Details: []byte(`{"status":"error","message":"m","code":""}`)},
		},
		{
			"fields beside Siskin's own", `{"status":"error","message":"m","code":"denied","at":"gate"}`,
			&dialect.Fault{
				Code: "denied", Message: "m", Details: []byte(`{"status":"error","message":"m","code":"denied","at":"gate"}`),
			},
		},
		{"a message that is null", `{"status":"error","message":null}`, whole(`{"status":"error","message":null}`)},
		{"an HttpException's response", `{"statusCode":404,"message":"Not Found"}`, &dialect.Fault{
			Code: "unknown", Message: "Not Found", Details: []byte(`{"statusCode":404,"message":"Not Found"}`),
		}},
		{"a list of messages", `{"message":["a","b"],"error":"Bad Request"}`, whole(`{"message":["a","b"],"error":"Bad Request"}`)},
		{"names are exact", `{"status":"error","Message":"m"}`, whole(`{"status":"error","Message":"m"}`)},
		{"half an object", `{"status":"error","mess`, &dialect.Fault{Code: "unknown", Message: `{"status":"error","mess`}},
		{"bytes that are no text", "a\xff\xfeb", &dialect.Fault{Code: "unknown", Message: "a\uFFFDb"}},
		{"a JSON string", `"quoted"`, whole(`"quoted"`)},
		{"white space first", ` {"message":"m"}`, whole(` {"message":"m"}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, readFault([]byte(tt.bytes))); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}

// What is read must not change when the record's memory is used again.
func TestFaultKeepsNoBytesOfItsRecord(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`{"status":"error","message":"no","code":"denied","details":{"a":1}}`, `{"code":42,"message":"m"}`, `["a"]`, `7`,
	} {
		b := []byte(s)
		got := readFault(b)
		want := *got
		want.Details = slices.Clone(got.Details)
		for i := range b {
			b[i] = 'X'
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s: fault (-before +after):\n%s", s, diff)
		}
	}
}

func TestFaultRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := &dialect.Fault{
			Code:    rapid.SampledFrom(dialect.Codes).Draw(t, "code"),
			Message: rapid.String().Filter(utf8.ValidString).Draw(t, "message"),
		}
		if rapid.Bool().Draw(t, "with details") {
			v := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Int())).Draw(t, "details")
			want.Details, _ = json.Marshal(v)
			if strings.ContainsAny(string(want.Details), "\u2028\u2029") {
				want.Details = nil
			}
		}
		if want.Code == "internal" && want.Message == "" {
			want.Message = "Internal server error"
		}
		if diff := cmp.Diff(want, readFault(writeFault(want))); diff != "" {
			t.Fatalf("fault (-want +got):\n%s", diff)
		}
	})
}
