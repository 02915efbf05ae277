package conformance_test

import (
	"encoding/json"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// encoding is a row of section 4: a value as both sides write it, in an event, a
// request and a reply.
type encoding struct {
	id, rule, differs string
	nest              nestValue
	old               *nestValue // as NestJS 10 writes it, where that is another
	siskin            *goValue   // the same value in Go, where there is one
}

// nestValue is a value of a NestJS program.
type nestValue struct {
	js     string // as the data of send and emit
	result string // as a handler's result; js where empty
	bytes  string // what is written, or none
	reads  []reading
}

// goValue is a value of a Go program.
type goValue struct {
	v     any
	bytes string // what is written, or none; as NestJS where empty
	reads string // JSON of what NestJS reads
}

// none is a record without a value. It is no text that anybody writes.
const none = "\x00none"

// wholeMessage is what NestJS's handler gets for a record without a value.
const wholeMessage = `{"$message":["magicByte","attributes","timestamp","offset","key","value","headers","isControlRecord",` +
	`"batchContext","topic","partition"]}`

func (e encoding) scene() scene {
	return scene{id: e.id, rule: e.rule, differs: e.differs, play: func(p *play) {
		nest := e.nest
		if p.number10() && e.old != nil {
			nest = *e.old
			nest.js, nest.result = e.nest.js, e.nest.result
		}
		if nest.js != "" {
			p.ways.in = true
			nest.events(p)
			nest.requests(p)
			nest.replies(p)
		}
		if e.siskin != nil {
			p.ways.out = true
			if e.siskin.bytes == "" {
				e.siskin.bytes = e.nest.bytes
			}
			e.siskin.event(p)
			e.siskin.request(p)
			e.siskin.reply(p)
		}
	}}
}

func (v version) number10() bool { return v.number == 10 }

// value checks the value of the one record.
func (p *play) value(want string, all []*kgo.Record) {
	p.Helper()
	got := string(all[0].Value)
	if all[0].Value == nil {
		got = none
	}
	p.equal("value of the record", want, got)
}

func (n nestValue) events(p *play) {
	for _, r := range n.reads {
		if r.err != "" {
			continue
		}
		p.nestEnds(p.nestDoes("emit", "take."+r.into.name, n.js))
		p.value(n.bytes, p.stored(p.topic("take."+r.into.name), 1))
		p.siskinReads(r.want)
	}
}

func (n nestValue) requests(p *play) {
	for i, r := range n.reads {
		if r.err == "" && i > 0 {
			continue // as an event
		}
		call := p.nestDoes("send", "ask."+r.into.name, n.js)
		if r.err == "" {
			p.siskinReads(r.want)
			p.nestGets(call, "complete", "null")
		} else {
			p.nestGets(call, `{"status":"error","message":"the request cannot be decoded","code":"invalid"}`)
		}
		p.value(n.bytes, p.stored(p.topic("ask."+r.into.name), 1))
		p.forget(p.topic("ask." + r.into.name + ".reply"))
	}
}

func (n nestValue) replies(p *play) {
	result := n.js
	if n.result != "" {
		result = n.result
	}
	for i, r := range n.reads {
		if i == 0 {
			p.say("a handler of NestJS returns %s", result)
		}
		got, err := p.siskinSends(r.into, "run", "x", js("return ("+result+")"))
		p.anyNote()
		if i == 0 {
			p.value(n.bytes, p.stored(p.topic("run.reply"), 1))
		} else {
			p.forget(p.topic("run.reply"))
		}
		p.forget(p.topic("run"))
		p.read(r, got, err)
	}
}

// read checks the result of a call of Siskin.
func (p *play) read(r reading, got any, err error) {
	p.Helper()
	p.say("Siskin reads as %s", r)
	if r.err != "" {
		p.errorHas(err, r.err)
		return
	}
	p.must(err)
	p.equal("value that Siskin reads as "+r.into.name, r.want, got)
}

func (g *goValue) event(p *play) {
	p.say("Siskin emits %s", show(g.v))
	p.siskinEmits("note", g.v)
	p.value(g.bytes, p.stored(p.topic("note"), 1))
	p.nestReads(g.reads)
}

func (g *goValue) request(p *play) {
	p.say("Siskin sends %s", show(g.v))
	_, err := p.siskinSends(goTypeOf("any"), "run", g.v, js(""))
	p.must(err)
	p.value(g.bytes, p.stored(p.topic("run"), 1))
	p.nestReads(g.reads)
	p.forget(p.topic("run.reply"))
}

func (g *goValue) reply(p *play) {
	p.does(returns(g.v))
	p.say("a handler of Siskin returns %s", show(g.v))
	call := p.nestDoes("send", "go.run", "'x'")
	p.seenBySiskin()
	want := g.reads
	if g.bytes == none {
		want = "null"
	}
	p.nestGets(call, "complete", want)
	p.value(g.bytes, p.stored(p.topic("go.run.reply"), 1))
	p.forget(p.topic("go.run"))
}

func from(v any, reads string) *goValue { return &goValue{v: v, reads: reads} }

func (g *goValue) writes(bytes string) *goValue {
	g.bytes = bytes
	return g
}

// text is JSON of a string.
func text(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func encodingScenes() (all []scene) {
	for _, rows := range [][]encoding{emptyRows(), textRows(), numberRows(), objectRows(), binaryRows(), classRows()} {
		for _, e := range rows {
			all = append(all, e.scene())
		}
	}
	return all
}

var _ = siskin.CodeInvalid
