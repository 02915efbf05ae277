package conformance_test

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// message is what NestJS's serializer takes for a Kafka message, as an event, a
// request and a reply (section 4).
type message struct {
	id, rule, differs string
	js                string // as NestJS gives it
	goValue           any    // as Siskin gives it
	options           []siskin.CallOption
	key               []byte
	value             string // or none
	headers           []siskin.Header
	reads             any    // what a Go handler for any gets
	nestReads         string // JSON of the payload in NestJS
	nestKey           string // JSON of the key
	nestHeaders       string // JSON
}

func (m message) scene() scene {
	return scene{id: m.id, rule: m.rule, differs: m.differs, play: func(p *play) {
		if m.js != "" {
			p.ways.in = true
			m.fromNest(p)
		}
		if m.nestReads != "" {
			p.ways.out = true
			m.fromSiskin(p)
		}
	}}
}

func (m message) fromNest(p *play) {
	p.nestEnds(p.nestDoes("emit", "take.any", m.js))
	m.written(p, p.stored(p.topic("take.any"), 1))
	m.delivered(p, p.siskinReads(m.reads))

	call := p.nestDoes("send", "ask.any", m.js)
	m.delivered(p, p.siskinReads(m.reads))
	m.written(p, p.stored(p.topic("ask.any"), 1))
	p.nestGets(call, "complete", "null")
	p.forget(p.topic("ask.any.reply"))

	p.say("a handler of NestJS returns %s", m.js)
	got, err := p.siskinSends(goTypeOf("any"), "run", "x", js("return ("+m.js+")"))
	p.must(err)
	p.anyNote()
	m.written(p, p.stored(p.topic("run.reply"), 1))
	p.equal("value of the reply", m.reads, got)
	p.forget(p.topic("run"))
}

func (m message) fromSiskin(p *play) {
	p.say("Siskin emits %s with %v", show(m.goValue), m.options)
	p.siskinEmits("note", m.goValue, m.options...)
	m.written(p, p.stored(p.topic("note"), 1))
	m.noted(p)

	p.say("Siskin sends %s with %v", show(m.goValue), m.options)
	_, err := p.siskinSends(goTypeOf("any"), "run", m.goValue, append(m.options[:len(m.options):len(m.options)], js(""))...)
	p.must(err)
	m.written(p, p.stored(p.topic("run"), 1))
	m.noted(p)
	p.forget(p.topic("run.reply"))

	p.does(returns(siskin.Message{Value: m.goValue, Options: m.options}))
	p.say("a handler of Siskin returns %s with %v", show(m.goValue), m.options)
	call := p.nestDoes("send", "go.run", "'x'")
	p.seenBySiskin()
	want := m.nestReads
	if want == wholeMessage {
		want = "null"
	}
	p.nestGets(call, "complete", want)
	m.written(p, p.stored(p.topic("go.run.reply"), 1))
	p.forget(p.topic("go.run"))
}

func (m message) noted(p *play) {
	note := p.nestReads(m.nestReads)
	p.equal("key of the NestJS handler", m.nestKey, string(note.Key))
	p.equal("headers of the NestJS handler", m.nestHeaders, userHeaders(p, note.Headers))
}

func (m message) written(p *play, all []*kgo.Record) {
	p.Helper()
	p.equal("key of the record", m.key, all[0].Key)
	p.value(m.value, all)
	p.equal("headers of the record", m.headers, own(all[0].Headers))
}

func (m message) delivered(p *play, d delivered) {
	p.Helper()
	p.equal("key of the Siskin handler", m.key, d.key)
	p.equal("headers of the Siskin handler", m.headers, own(d.headers))
}

// own are the headers that a user gave, but for js.
func own(headers []siskin.Header) (all []siskin.Header) {
	for _, h := range headers {
		if !strings.HasPrefix(h.Key, "kafka_") && !strings.HasPrefix(h.Key, "siskin-") && h.Key != "js" {
			all = append(all, h)
		}
	}
	return all
}

func messages() []message {
	a1 := map[string]any{"a": jsonNumber("1")}
	return []message{
		{
			id: "4.message", rule: "an object with key or value is a message: key, value and headers; a list repeats its header",
			js:      "{ key: 'k', value: { a: 1 }, headers: { h: '1', l: ['x', 'y'] } }",
			goValue: map[string]int{"a": 1},
			options: []siskin.CallOption{
				siskin.WithKey("k"), siskin.WithHeader("h", "1"), siskin.WithHeader("l", "x"), siskin.WithHeader("l", "y"),
			},
			key: []byte("k"), value: `{"a":1}`, headers: []siskin.Header{header("h", "1"), header("l", "x"), header("l", "y")},
			reads: a1, nestReads: `{"a":1}`, nestKey: `"k"`, nestHeaders: `{"h":"1","l":"x,y"}`,
		},
		{
			id: "4.key-object", rule: "a key that is an object is JSON",
			js: "{ key: { id: 1 }, value: 'x' }", goValue: "x", options: []siskin.CallOption{siskin.WithKey(`{"id":1}`)},
			key: []byte(`{"id":1}`), value: "x", reads: "x", nestReads: `"x"`, nestKey: `{"id":1}`, nestHeaders: "{}",
		},
		{
			id: "4.key-number", rule: "a key that is a number is its text",
			js: "{ key: 12, value: 'x' }", goValue: "x", options: []siskin.CallOption{siskin.WithKey("12")},
			key: []byte("12"), value: "x", reads: "x", nestReads: `"x"`, nestKey: `"12"`, nestHeaders: "{}",
		},
		{
			id: "4.key-empty", rule: "an empty key is a key",
			js: "{ key: '', value: 'x' }", goValue: "x", options: []siskin.CallOption{siskin.WithKey("")},
			key: []byte{}, value: "x", reads: "x", nestReads: `"x"`, nestKey: `""`, nestHeaders: "{}",
		},
		{
			id: "4.key-binary", rule: "a key that is a Buffer is its bytes",
			js: "{ key: Buffer.from([0, 255]), value: 'x' }", goValue: "x", options: []siskin.CallOption{siskin.WithKey([]byte{0, 255})},
			key: []byte{0, 255}, value: "x", reads: "x", nestReads: `"x"`, nestKey: `{"$base64":"AP8="}`, nestHeaders: "{}",
		},
		{
			id: "4.key-null", rule: "a key that is null is none",
			js: "{ key: null, value: 'x' }", goValue: "x",
			value: "x", reads: "x", nestReads: `"x"`, nestKey: "null", nestHeaders: "{}",
		},
		{
			id: "4.key-only", rule: "a message without value is a record without one, and what else it has is lost",
			js: "{ key: 'k', other: 1 }", goValue: nil, options: []siskin.CallOption{siskin.WithKey("k")},
			key: []byte("k"), value: none, reads: nil, nestReads: wholeMessage, nestKey: `"k"`, nestHeaders: "{}",
		},
		{
			id: "4.tombstone", rule: "a message whose value is null is a record without one",
			js: "{ key: 'k', value: null }", goValue: nil, options: []siskin.CallOption{siskin.WithKey("k")},
			key: []byte("k"), value: none, reads: nil, nestReads: wholeMessage, nestKey: `"k"`, nestHeaders: "{}",
		},
		{
			id: "4.class-with-value", rule: "an instance of a class with a property value is a message too",
			differs: "a Go struct with a field named value or key loses nothing",
			js:      "new (class { constructor() { this.value = 5; this.currency = 'EUR' } })()", value: "5", reads: "5",
		},
		{
			id: "4.header-text", rule: "a header is its text", js: "{ value: 'x', headers: { h: 'ü' } }",
			goValue: "x", options: []siskin.CallOption{siskin.WithHeader("h", "ü")},
			value: "x", headers: []siskin.Header{header("h", "ü")}, reads: "x", nestReads: `"x"`, nestKey: "null", nestHeaders: `{"h":"ü"}`,
		},
		{
			id: "4.header-empty", rule: "an empty header is there", js: "{ value: 'x', headers: { h: '' } }",
			goValue: "x", options: []siskin.CallOption{siskin.WithHeader("h", "")},
			value: "x", headers: []siskin.Header{header("h", "")}, reads: "x", nestReads: `"x"`, nestKey: "null", nestHeaders: `{"h":""}`,
		},
		{
			id: "4.header-binary", rule: "a header that is a Buffer is its bytes", js: "{ value: 'x', headers: { h: Buffer.from([0, 255]) } }",
			goValue: "x", options: []siskin.CallOption{siskin.WithHeader("h", "\x00\xff")},
			value: "x", headers: []siskin.Header{header("h", "\x00\xff")}, reads: "x", nestReads: `"x"`, nestKey: "null",
			nestHeaders: `{"h":{"$base64":"AP8="}}`,
		},
		{
			id: "4.header-json", rule: "a header that looks like JSON is read as an object by NestJS", js: `{ value: 'x', headers: { h: '{"a":1}' } }`,
			goValue: "x", options: []siskin.CallOption{siskin.WithHeader("h", `{"a":1}`)},
			value: "x", headers: []siskin.Header{header("h", `{"a":1}`)}, reads: "x", nestReads: `"x"`, nestKey: "null", nestHeaders: `{"h":{"a":1}}`,
		},
	}
}

func messageScenes() (all []scene) {
	for _, m := range messages() {
		all = append(all, m.scene())
	}
	for _, value := range []string{"1", "null", "undefined"} {
		all = append(all, refused("header-"+value, "a header that is "+value+" is an error of the caller",
			"{ value: 'x', headers: { h: "+value+" } }", "TypeError"))
	}
	return append(
		all,
		refused("value-getter", "an object whose value cannot be set is an error of the caller", "{ get value() { return 1 } }", "TypeError"),
		refused("nothing-undefined", "data that is undefined is refused; a tombstone is { value: null }", "undefined", "Error"),
		refused("nothing-null", "data that is null is refused; a tombstone is { value: null }", "null", "Error"),
		bigintInside(), batch(), partition(), timestamp(), callersObject(),
	)
}

// refused is a value that NestJS does not send.
func refused(id, rule, js, kind string) scene {
	differs := "a Go header is always bytes, and nil is a record without a value: there is nothing to refuse"
	if id == "value-getter" {
		differs = "a Go value is only read"
	}
	return scene{id: "4." + id, rule: rule, differs: differs, play: func(p *play) {
		p.ways.in = true
		outcome, err := p.nestDoes("emit", "take.any", js).End(p.ctx)
		p.must(err)
		p.say("NestJS's call fails: %s", outcome.Err)
		p.equal("kind of error", `"`+kind+`"`, field(p, outcome.Err, "$error"))
		p.stored(p.topic("take.any"), 0)
	}}
}

func bigintInside() scene {
	return scene{
		id: "4.bigint-nested", rule: "a bigint inside an object cannot be sent; as a reply it is an error in the log, and nobody is answered",
		differs: "a Go number of any size is JSON, and a result that cannot be encoded is answered with an internal error",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			outcome, err := p.nestDoes("emit", "take.any", "{ a: 10n }").End(p.ctx)
			p.must(err)
			p.equal("kind of error", `"TypeError"`, field(p, outcome.Err, "$error"))
			p.request("run", []byte("x"), p.asks("bigint", "three.reply"), header("js", "return { a: 10n }"))
			p.anyNote()
			p.nestLogs("BigInt")
			p.sentinel("three.reply", 0)

			p.siskinEmits("note", map[string]any{"a": big.NewInt(10)})
			p.stored(p.topic("note"), 1)
			p.nestReads(`{"a":10}`)
			p.does(returns(make(chan int)))
			p.say("a handler of Siskin returns what has no JSON")
			call := p.nestDoes("send", "go.run", "'x'")
			p.seenBySiskin()
			p.nestGets(call, `{"status":"error","message":"Internal server error","code":"internal"}`)
			p.stored(p.topic("go.run.reply"), 1)
			p.forget(p.topic("go.run"))
		},
	}
}

func batch() scene {
	return scene{
		id: "4.batch", rule: "each item of a batch is written as an event is; an empty batch writes nothing", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.nestEnds(p.nestDoes("emitBatch", "take.any",
				"{ messages: [{ key: 'a', value: { a: 1 } }, 'two', { value: null }, { value: 5, headers: { h: '1' } }] }"))
			theirs := p.stored(p.topic("take.any"), 4)
			// Without a key they run at once, in any order.
			p.equal("values of the Siskin handlers", []string{`"5"`, `"two"`, `map[string]interface {}{"a":"1"}`, "nil"}, p.seenInAnyOrder(4))
			p.nestEnds(p.nestDoes("emitBatch", "take.any", "{ messages: [] }"))
			p.stored(p.topic("take.any"), 0)

			p.say("Siskin emits such a batch")
			key, header := siskin.WithKey("a"), siskin.WithHeader("h", "1")
			_, err := p.client.EmitBatch(p.ctx, p.topic("note"), []siskin.Message{
				{Value: map[string]int{"a": 1}, Options: []siskin.CallOption{key}}, {Value: "two"}, {}, {Value: 5, Options: []siskin.CallOption{header}},
			})
			p.must(err)
			ours := p.stored(p.topic("note"), 4)
			for i, want := range []string{`{"a":1}`, `"two"`, wholeMessage, `"5"`} {
				p.equal("key", theirs[i].Key, ours[i].Key)
				p.equal("value", theirs[i].Value, ours[i].Value)
				p.equal("headers", own(theirs[i].Headers), own(ours[i].Headers))
				p.nestReads(want)
			}
			_, err = p.client.EmitBatch(p.ctx, p.topic("note"), nil)
			p.must(err)
			p.stored(p.topic("note"), 0)
		},
	}
}

// seenInAnyOrder is what n handlers of Siskin got, sorted.
func (p *play) seenInAnyOrder(n int) (all []string) {
	p.Helper()
	for range n {
		select {
		case d := <-p.seen:
			all = append(all, show(d.value))
		case <-p.ctx.Done():
			p.Fatalf("%d of %d handlers of Siskin got something", len(all), n)
		}
	}
	slices.Sort(all)
	return all
}

func partition() scene {
	return scene{
		id: "4.partition", rule: "a message can name its partition", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			for _, number := range []int32{2, 0} {
				p.nestEnds(p.nestDoes("emit", "three", "{ value: 'x', partition: "+strconv.Itoa(int(number))+" }"))
				p.equal("partition", number, p.stored(p.topic("three"), 1)[0].Partition)
				p.say("Siskin emits to partition %d", number)
				p.siskinEmits("three", "x", siskin.WithPartition(number))
				p.equal("partition", number, p.stored(p.topic("three"), 1)[0].Partition)
			}
			p.nestEnds(p.nestDoes("emit", "three", "{ value: 'x', key: 'schlüssel' }"))
			theirs := p.stored(p.topic("three"), 1)[0].Partition
			p.say("Siskin emits with that key")
			p.siskinEmits("three", "x", siskin.WithKey("schlüssel"))
			p.equal("partition of the key", theirs, p.stored(p.topic("three"), 1)[0].Partition)
		},
	}
}

func timestamp() scene {
	return scene{
		id: "4.timestamp", rule: "a message can have a timestamp", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			at := time.Now().Add(-time.Hour).Truncate(time.Millisecond) // younger than a broker's limit
			p.say("both emit with a timestamp of an hour ago")
			call, err := p.nest.Client.Do(map[string]any{
				"op": "emit", "pattern": "three", "js": "{ value: 'x', partition: 0, timestamp: '" + strconv.FormatInt(at.UnixMilli(), 10) + "' }",
			})
			p.must(err)
			p.nestEnds(call)
			p.equal("timestamp by NestJS", at.UnixMilli(), p.stored(p.topic("three"), 1)[0].Timestamp.UnixMilli())
			meta := p.siskinEmits("three", "x", siskin.WithTimestamp(at), siskin.WithPartition(0))
			p.equal("timestamp by Siskin", at.UnixMilli(), p.stored(p.topic("three"), 1)[0].Timestamp.UnixMilli())
			p.equal("timestamp that Siskin returns", at.UnixMilli(), meta.Timestamp.UnixMilli())
		},
	}
}

func callersObject() scene {
	return scene{
		id: "4.callers-object", rule: "NestJS changes the object that it sends", differs: "a Go value is only read",
		play: func(p *play) {
			p.ways.in = true
			p.nestEnds(p.nestDoes("emit", "take.any", "globalThis.sent = { value: { a: 1 } }"))
			p.stored(p.topic("take.any"), 1)
			p.siskinReads(map[string]any{"a": jsonNumber("1")})
			got, err := p.siskinSends(goTypeOf("any"), "run", "x", js("return [typeof globalThis.sent.value]"))
			p.must(err)
			p.anyNote()
			p.forget(p.topic("run"), p.topic("run.reply"))
			p.say("after that the type of the object's value is %s", show(got))
			p.equal("type of the value", any([]any{"string"}), got)
		},
	}
}
