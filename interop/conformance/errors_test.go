package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// thrown is an error of a NestJS handler: what is written of it, and what a
// Siskin client makes of that (section 8).
type thrown struct {
	id, rule string
	pattern  string // of the handler; run where empty
	js       string
	header   string // kafka_nest-err
	values   []string
	siskin   siskin.Error
}

func (e thrown) scene() scene {
	return scene{id: e.id, rule: e.rule, play: func(p *play) {
		pattern := "run"
		if e.pattern != "" {
			pattern = e.pattern
		}
		p.ways.in = true
		p.say("a handler of NestJS: %s", e.js)
		done := p.siskinStreams(pattern, js(e.js))
		if pattern != "refused" {
			p.anyNote()
		}
		o := p.ends(done)
		p.siskinFails(o.err, e.siskin)
		all := p.stored(p.topic(pattern+".reply"), len(e.values)+1)
		for i, v := range e.values {
			p.value(v, all[i:])
			p.equal("value of the stream", any(v), o.values[i])
		}
		p.failed(all[len(all)-1], e.header)
		p.forget(p.topic(pattern))
	}}
}

// failed checks an error reply.
func (p *play) failed(r *kgo.Record, header string) {
	p.Helper()
	p.value(none, []*kgo.Record{r})
	p.equal(nestError, header, headerText(r, nestError))
	p.equal("the mark of the end", true, hasHeader(r, disposed))
}

func headerText(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return none
}

const internalError = `{"status":"error","message":"Internal server error"}`

func errorScenes() []scene {
	var all []scene
	for _, e := range errorsOfNest() {
		all = append(all, e.scene())
	}
	for _, e := range errorsOfSiskin() {
		all = append(all, e.scene())
	}
	for _, e := range errorsRead() {
		all = append(all, e.scene())
	}
	return append(all, filteredNumber(), filteredNothing("8.filter-undefined", "undefined"), filteredNothing("8.filter-empty", "''"), retriable())
}

func errorsOfNest() []thrown {
	internal := siskin.Error{Code: siskin.CodeInternal, Message: "Internal server error"}
	hidden := func(id, rule, js string) thrown {
		return thrown{id: "8." + id, rule: rule, js: js, header: internalError, siskin: internal}
	}
	rpc := func(id, arg, header string, e siskin.Error) thrown {
		return thrown{
			id: "8.rpc-" + id, rule: "RpcException(" + arg + ") is " + header, js: "throw new RpcException(" + arg + ")",
			header: header, siskin: e,
		}
	}
	details := func(text string) json.RawMessage { return json.RawMessage(text) }
	unknown := func(message, detail string) siskin.Error {
		e := siskin.Error{Code: siskin.CodeUnknown, Message: message}
		if detail != "" {
			e.Details = details(detail)
		}
		return e
	}
	after := hidden("after-values", "an error after values: the values, then the error", "return concat(of(1, 2), throwError(() => new Error('secret')))")
	after.values = []string{"1", "2"}
	filter := func(id, js, header string, e siskin.Error) thrown {
		return thrown{
			id: "8.filter-" + id, rule: "what a filter of one's own makes of an error is written as it is: " + header,
			pattern: "filtered", js: "throw { thrown: " + js + " }", header: header, siskin: e,
		}
	}
	return []thrown{
		hidden("error", "an Error is hidden", "throw new Error('secret')"),
		hidden("string", "a thrown string is hidden", "throw 'secret'"),
		hidden("object", "a thrown object is hidden", "throw { secret: true }"),
		hidden("rejected", "a rejected promise is as its error", "return Promise.reject(new Error('secret'))"),
		hidden("stream", "a stream that only fails is as its error", "return throwError(() => new Error('secret'))"),
		after,
		rpc("text", "'msg'", `{"status":"error","message":"msg"}`, unknown("msg", "")),
		rpc("unicode", "'“ü” <&>'", `{"status":"error","message":"“ü” <&>"}`, unknown("“ü” <&>", "")),
		rpc("number", "7", `{"status":"error","message":7}`, unknown(`{"status":"error","message":7}`, `{"status":"error","message":7}`)),
		rpc("nothing", "", `{"status":"error"}`, unknown(`{"status":"error"}`, `{"status":"error"}`)),
		rpc(
			"object", "{ code: 42, message: 'm', deep: { a: 1 } }", `{"code":42,"message":"m","deep":{"a":1}}`,
			unknown("m", `{"code":42,"message":"m","deep":{"a":1}}`),
		),
		rpc("code", "{ status: 'error', message: 'm', code: 'conflict' }", `{"status":"error","message":"m","code":"conflict"}`, siskin.Error{
			Code: siskin.CodeConflict, Message: "m",
		}),
		rpc("array", "['a', 'b']", `["a","b"]`, unknown(`["a","b"]`, `["a","b"]`)),
		rpc("inner", "new Error('inner')", `{}`, unknown(`{}`, `{}`)),
		{
			id: "8.guard", rule: "a guard that refuses is an error with a text of NestJS's", pattern: "refused", js: "return 'never'",
			header: `{"status":"error","message":"Forbidden resource"}`, siskin: unknown("Forbidden resource", ""),
		},
		{
			id: "8.retriable-after-value", rule: "a KafkaRetriableException after a value is an error reply with itself",
			js:     "return concat(of(1), throwError(() => new KafkaRetriableException('rt')))",
			header: `{"error":"rt","message":"rt"}`, values: []string{"1"}, siskin: unknown("rt", `{"error":"rt","message":"rt"}`),
		},
		filter("string", "'S'", "S", unknown("S", "")),
		filter("array", "['a']", `["a"]`, unknown(`["a"]`, `["a"]`)),
		filter("error", "new Error('secret')", "{}", unknown("{}", "{}")),
	}
}

// failure is an error of a Siskin handler, and what a NestJS client gets.
type failure struct {
	id, rule, differs string
	err               error
	header            string
	values            []string
}

func (f failure) scene() scene {
	return scene{id: f.id, rule: f.rule, differs: f.differs, play: func(p *play) {
		p.ways.out = true
		p.say("a handler of Siskin fails with %v after %d values", f.err, len(f.values))
		var values []any
		var texts []string
		for _, v := range f.values {
			values = append(values, v)
			texts = append(texts, text(v))
		}
		p.does(streams(f.err, values...))
		call := p.nestDoes("send", "go.stream", "'x'")
		p.seenBySiskin()
		p.nestGets(call, f.header, texts...)
		all := p.stored(p.topic("go.stream.reply"), len(f.values)+1)
		p.failed(all[len(all)-1], f.header)
		p.forget(p.topic("go.stream"))
	}}
}

func errorsOfSiskin() []failure {
	const hidden = `{"status":"error","message":"Internal server error","code":"internal"}`
	const more = "the object has Siskin's code and details behind NestJS's two fields"
	return []failure{
		{
			id: "8.go-error", rule: "a Go error that was not made for the caller is hidden", differs: more,
			err: errors.New("secret"), header: hidden,
		},
		{
			id: "8.go-errorf", rule: "Errorf is NestJS's object of an RpcException with a text", differs: more,
			err: siskin.Errorf(siskin.CodeConflict, "seat %d is “taken” <&>", 4), header: `{"status":"error","message":"seat 4 is “taken” <&>","code":"conflict"}`,
		},
		{
			id: "8.go-details", rule: "details go along", differs: more,
			err:    siskin.Errorf(siskin.CodeInvalid, "bad").WithDetails(map[string]any{"field": "a", "value": 5}),
			header: `{"status":"error","message":"bad","code":"invalid","details":{"field":"a","value":5}}`,
		},
		{
			id: "8.go-wrapped", rule: "an error for the caller is found inside others, whose text stays", differs: more,
			err: fmt.Errorf("secret: %w", siskin.Errorf(siskin.CodeNotFound, "no seat")), header: `{"status":"error","message":"no seat","code":"not_found"}`,
		},
		{
			id: "8.go-after-values", rule: "an error after values: the values, then the error", differs: more,
			err: siskin.Errorf(siskin.CodeUnavailable, "later"), values: []string{"1", "2"},
			header: `{"status":"error","message":"later","code":"unavailable"}`,
		},
		{
			id: "8.go-passed-on", rule: "an error that another service sent is not passed on", differs: more,
			err: &siskin.Error{Code: siskin.CodeConflict, Message: "secret", Remote: true}, header: hidden,
		},
	}
}

// faultRead is the bytes of an error header as both clients read them.
type faultRead struct {
	id, rule, header string
	nest             string // JSON of what the error callback gets
	siskin           siskin.Error
}

func (f faultRead) scene() scene {
	return scene{id: f.id, rule: f.rule, play: func(p *play) {
		call, request := p.nestAsks()
		request.reply([]byte("ignored"), header(nestError, f.header))
		p.nestGets(call, f.nest)
		done, request := p.siskinAsks(goTypeOf("any"))
		request.reply([]byte("ignored"), header(nestError, f.header))
		p.siskinFails((<-done).err, f.siskin)
	}}
}

func errorsRead() []faultRead {
	unknown := func(message string) siskin.Error { return siskin.Error{Code: siskin.CodeUnknown, Message: message} }
	whole := func(text string) siskin.Error {
		return siskin.Error{Code: siskin.CodeUnknown, Message: text, Details: json.RawMessage(text)}
	}
	return []faultRead{
		{"8.read-text", "an error that is text is text", "S", `"S"`, unknown("S")},
		{"8.read-number", "a number as an error is text", "7", `"7"`, whole("7")},
		{"8.read-half", "half an object as an error is text", `{"a":`, `"{\"a\":"`, unknown(`{"a":`)},
		{"8.read-array", "an array as an error is an array", "[1]", "[1]", whole("[1]")},
		{
			"8.read-siskin", "an error of Siskin's is an object", `{"status":"error","message":"m","code":"denied","details":[1]}`,
			`{"status":"error","message":"m","code":"denied","details":[1]}`,
			siskin.Error{Code: siskin.CodeDenied, Message: "m", Details: json.RawMessage("[1]")},
		},
	}
}

func filteredNumber() scene {
	return scene{
		id: "8.filter-number", rule: "a filter that makes a number of an error: no reply, the client waits",
		differs: "Siskin has no such filters: every error has an answer", play: func(p *play) {
			p.request("filtered", []byte("x"), p.asks("id", "three.reply"), header("js", "throw { thrown: 7 }"))
			p.anyNote()
			p.nestLogs("argument must be of type string")
			p.sentinel("three.reply", 0)
		},
	}
}

// filteredNothing is an error that nobody can see.
func filteredNothing(id, js string) scene {
	return scene{
		id: id, rule: "a filter that makes " + js + " of an error: the client sees a success without a value", play: func(p *play) {
			p.ways.in = true
			got, err := p.siskinSends(goTypeOf("any"), "filtered", "x", siskin.WithHeader("js", "throw { thrown: "+js+" }"))
			p.must(err)
			p.anyNote()
			p.equal("reply", any(nil), got)
			p.onlyMark(p.stored(p.topic("filtered.reply"), 1))
		},
	}
}

func retriable() scene {
	return scene{
		id: "8.retriable", rule: "a request whose handler asks for it is tried again, and has one reply", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			got, err := p.siskinSends(goTypeOf("string"), "run", "x", js("globalThis.tried = (globalThis.tried ?? 0) + 1; "+
				"if (globalThis.tried < 2) throw new KafkaRetriableException('again'); return 'at last'"))
			p.must(err)
			p.handlers(1, 1)
			p.equal("reply", any("at last"), got)
			p.stored(p.topic("run.reply"), 1)
			p.forget(p.topic("run"))

			var tried atomic.Int32
			p.does(func(_ context.Context, send func(any) error) error {
				if tried.Add(1) < 2 {
					return siskin.RetryAfter(time.Millisecond, errors.New("again"))
				}
				return send("at last")
			})
			call := p.nestDoes("send", "go.run", "'x'")
			p.seenBySiskin()
			p.seenBySiskin()
			p.nestGets(call, "complete", `"at last"`)
			p.stored(p.topic("go.run.reply"), 1)
			p.forget(p.topic("go.run"))
		},
	}
}
