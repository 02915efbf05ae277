package conformance_test

import (
	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// decoding is a value of a record as both sides read it, in an event and in a
// reply (section 5).
type decoding struct {
	id, rule, differs string
	value             []byte
	nest              string // JSON of what NestJS reads
	reads             []reading
}

func (d decoding) scene() scene {
	return scene{id: d.id, rule: d.rule, differs: d.differs, play: func(p *play) {
		p.write("note", kgo.Record{Value: d.value})
		p.nestReads(d.nest)
		call, request := p.nestAsks()
		request.reply(d.value, header(disposed, "\x00"))
		got := d.nest
		if d.value == nil {
			got = "null"
		}
		p.nestGets(call, "complete", got)
		for _, r := range d.reads {
			if r.err == "" {
				p.write("take."+r.into.name, kgo.Record{Value: d.value})
				p.siskinReads(r.want)
			}
			done, request := p.siskinAsks(r.into)
			request.reply(d.value, header(disposed, "\x00"))
			o := <-done
			p.read(r, o.values[0], o.err)
		}
	}}
}

func decodingScenes() []scene {
	all := []scene{keyAndHeaders(), keepBinary(), redelivered(), deliveryContext(), payloadProperty()}
	for _, d := range decodings() {
		all = append(all, d.scene())
	}
	return all
}

func decodings() []decoding {
	text := func(id, rule, value string) decoding {
		return decoding{
			id: "5." + id, rule: rule, value: []byte(value), nest: text(value), reads: []reading{as[any](value), as(value)},
		}
	}
	return []decoding{
		{
			id: "5.none", rule: "a record without a value is null, and as a payload the whole message",
			differs: "a Go handler gets the zero value of its type",
			nest:    wholeMessage, reads: []reading{as[any](nil), as(""), as(order{}), as[*order](nil)},
		},
		text("empty", "a value of length zero is an empty string", ""),
		text("number", "a number stays text", "42"),
		text("true", "true stays text", "true"),
		text("null", "null stays text", "null"),
		text("quoted", "a quoted string keeps its quotes", `"q"`),
		text("space", "JSON behind white space is text", ` {"a":1}`),
		text("byte-order-mark", "JSON behind a byte order mark is text", "\ufeff{\"a\":1}"),
		text("half-object", "what begins as JSON and is none is text", `{"a":`),
		text("two-objects", "two objects are text", `{}{}`),
		text("template", "a text in braces is text", "{name}"),
		{
			id: "5.object", rule: "an object is parsed", value: []byte(`{"a":{"b":[1,null]}}`), nest: `{"a":{"b":[1,null]}}`,
			reads: []reading{
				as[any](map[string]any{"a": map[string]any{"b": []any{jsonNumber("1"), nil}}}), as(`{"a":{"b":[1,null]}}`),
			},
		},
		{
			id: "5.array", rule: "an array is parsed", value: []byte("[1.50, 2]"), nest: "[1.5,2]",
			reads: []reading{as[any]([]any{jsonNumber("1.50"), jsonNumber("2")}), as([]float64{1.5, 2})},
		},
		{
			id: "5.space-behind", rule: "white space behind JSON is nothing", value: []byte("{} \n"), nest: "{}",
			reads: []reading{as[any](map[string]any{}), as(map[string]any{})},
		},
		{
			id: "5.name-twice", rule: "of a name that comes twice the last one counts", value: []byte(`{"value":1,"value":2}`),
			nest: `{"value":2}`, reads: []reading{as[any](map[string]any{"value": jsonNumber("2")}), as(order{Value: 2})},
		},
		{
			id: "5.envelope", rule: "names of NestJS's own envelope mean nothing inside a value",
			value: []byte(`{"pattern":"p","data":{"a":1},"id":"i"}`), nest: `{"pattern":"p","data":{"a":1},"id":"i"}`,
			reads: []reading{as(map[string]any{"pattern": "p", "data": map[string]any{"a": 1.0}, "id": "i"})},
		},
		{
			id: "5.large-integer", rule: "integers beyond 2^53 lose digits", differs: "Siskin keeps all digits",
			value: []byte(`{"n":9007199254740993}`), nest: `{"n":9007199254740992}`,
			reads: []reading{as(large{9007199254740993}), as[any](map[string]any{"n": jsonNumber("9007199254740993")})},
		},
		{
			id: "5.lone-surrogate", rule: "half of a surrogate pair in JSON is kept", differs: "in a Go string it is U+FFFD",
			value: []byte(`["\ud800"]`), nest: `["\ud800"]`, reads: []reading{as[any]([]any{"\ufffd"}), as(`["\ud800"]`)},
		},
		{
			id: "5.leading-zero", rule: "a value that begins with a zero byte stays binary", value: []byte("\x00{}"),
			nest: `{"$base64":"AHt9"}`, reads: []reading{as[any]([]byte("\x00{}")), as([]byte("\x00{}")), as("\x00{}")},
		},
		{
			id: "5.no-utf8", rule: "bytes that are no UTF-8 become U+FFFD", differs: "Siskin reads all bytes as they are",
			value: []byte("a\xff"), nest: "\"a\ufffd\"", reads: []reading{as[any]([]byte("a\xff")), as("a\xff"), as([]byte("a\xff"))},
		},
	}
}

func keyAndHeaders() scene {
	return scene{
		id: "5.key-and-headers", rule: "key and headers are parsed like values, and a repeated header is joined with commas",
		differs: "a Go handler gets the bytes of the key, and all headers in their order",
		play: func(p *play) {
			headers := []kgo.RecordHeader{
				header("json", `{"x":1}`), header("list", "[1]"), header("number", "5"), header("twice", "1"), header("twice", "2"),
				header("empty", ""),
				{Key: "null"},
				header("zero", "\x00\x01"), header("bytes", "\xff\x00"),
			}
			for _, key := range []struct {
				bytes []byte
				nest  string
			}{
				{[]byte(`{"id":1}`), `{"id":1}`},
				{[]byte("12"), `"12"`},
				{[]byte{}, `""`},
				{nil, "null"},
				{[]byte("\x00k"), `{"$base64":"AGs="}`},
			} {
				p.write("note", kgo.Record{Key: key.bytes, Value: []byte("x"), Headers: headers})
				note := p.nestReads(`"x"`)
				p.equal("key of the NestJS handler", key.nest, string(note.Key))
				p.equal("headers of the NestJS handler", `{"json":{"x":1},"list":[1],"number":"5","twice":"1,2","empty":"",`+
					`"null":null,"zero":{"$base64":"AAE="},"bytes":"�\u0000"}`, string(note.Headers))
				p.write("take.any", kgo.Record{Key: key.bytes, Value: []byte("x"), Headers: headers})
				d := p.siskinReads("x")
				p.equal("key of the Siskin handler", key.bytes, d.key)
				p.equal("headers of the Siskin handler", headers, d.headers)
			}
		},
	}
}

func keepBinary() scene {
	return scene{
		id: "5.keep-binary", rule: "with keepBinary values stay Buffers, headers do not; a Go handler takes []byte",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			for _, value := range []string{`{"a":1}`, "\xff\x00", ""} {
				want := show64(value)
				p.say("Siskin sends %q", value)
				got, err := p.siskinSends(goTypeOf("list-byte"), "binary", []byte(value),
					siskin.WithHeader("json", `{"x":1}`), js("return payload"))
				p.must(err)
				note := p.nestReads(want)
				p.equal("header of NestJS", `{"x":1}`, field(p, note.Headers, "json"))
				p.value(value, p.stored(p.topic("binary"), 1))
				p.value(value, p.stored(p.topic("binary.reply"), 1))
				p.equal("reply", any([]byte(value)), got)
			}
			// A client of NestJS with keepBinary has Buffers too.
			call, err := p.nest.Client.Do(map[string]any{
				"op": "send", "pattern": "raw", "js": "Buffer.from([255, 0])", "binary": true, "timeout": patience.Milliseconds(),
			})
			p.must(err)
			request := p.asked()
			request.reply([]byte(`{"a":1}`), header(disposed, "\x00"))
			p.nestGets(call, "complete", show64(`{"a":1}`))
		},
	}
}

func redelivered() scene {
	return scene{
		id: "5.redelivered", rule: "a record that is delivered again is parsed again: what a handler did to its payload is gone",
		play: func(p *play) {
			p.ways.out = true
			p.say("Siskin emits an event whose handler changes it and fails")
			p.siskinEmits("note", map[string]int{"a": 1}, js(
				"if (!globalThis.again) { globalThis.again = true; payload.a = 2; throw new RpcException('again') }"))
			p.stored(p.topic("note"), 1)
			p.nestReads(`{"a":1}`)
			p.nestReads(`{"a":1}`)
			p.nestLogs("again")
		},
	}
}

func deliveryContext() scene {
	return scene{
		id: "5.context", rule: "a handler can ask for topic, partition, and the record",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("Siskin sends a request whose handler returns what its context has")
			got, err := p.siskinSends(goTypeOf("list-any"), "run", "x", siskin.WithKey("k"), js("return [context.getTopic(), "+
				"context.getPartition(), context.getMessage().key, typeof context.getHeartbeat(), typeof context.getConsumer().pause]"))
			p.must(err)
			p.anyNote()
			p.forget(p.topic("run"))
			p.equal("context of NestJS", any([]any{p.topic("run"), 0.0, "k", "function", "function"}), got)
			p.stored(p.topic("run.reply"), 1)
			p.nestEnds(p.nestDoes("emit", "take.string", "{ key: 'k', value: 'x' }"))
			p.stored(p.topic("take.string"), 1)
			d := p.siskinReads("x")
			p.equal("topic", "take.string", d.topic)
			p.equal("key", "k", string(d.key))
		},
	}
}

func payloadProperty() scene {
	return scene{
		id: "5.payload-property", rule: "Payload('a') is the property a of the payload; in Go it is a struct with that field",
		play: func(p *play) {
			p.ways.out = true
			p.say("Siskin sends an object and a text to a handler of Payload('a')")
			p.siskinEmits("property", map[string]any{"a": 5, "b": 6})
			p.stored(p.topic("property"), 1)
			p.nestReads("5")
			p.siskinEmits("property", "text")
			p.stored(p.topic("property"), 1)
			p.nestReads("null")
		},
	}
}
