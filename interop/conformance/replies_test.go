package conformance_test

import (
	"context"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sequence is how a handler answers, in both languages (section 7).
type sequence struct {
	id, rule, differs string
	since             int    // the first version of NestJS whose server does so
	js                string // the body of a NestJS handler
	goes              behaviour
	stream            bool     // the handler of Siskin is one of a stream
	records           []string // the values that both write, or none
	siskin            []any    // what a Siskin client reads of NestJS's stream
	nest              []string // what a NestJS client gets of Siskin's
	siskinRecords     []string // where Siskin writes others
}

func (s sequence) scene() scene {
	return scene{id: s.id, rule: s.rule, differs: s.differs, play: func(p *play) {
		if p.number >= s.since {
			p.ways.in = true
			s.byNest(p)
		}
		p.ways.out = true
		p.say("a handler of Siskin that does so")
		pattern := "go.run"
		if s.stream {
			pattern = "go.stream"
		}
		p.does(s.goes)
		call := p.nestDoes("send", pattern, "'x'")
		p.seenBySiskin()
		p.nestGets(call, "complete", s.nest...)
		want := s.records
		if s.siskinRecords != nil {
			want = s.siskinRecords
		}
		s.wrote(p, want, p.stored(p.topic(pattern+".reply"), len(want)))
		p.forget(p.topic(pattern))
	}}
}

func (s sequence) byNest(p *play) {
	p.say("a handler of NestJS: %s", s.js)
	done := p.siskinStreams("run", js(s.js))
	p.anyNote()
	o := p.ends(done)
	p.must(o.err)
	p.equal("values of Siskin's stream", s.siskin, o.values)
	s.wrote(p, s.records, p.stored(p.topic("run.reply"), len(s.records)))
	p.forget(p.topic("run"))
}

// wrote checks values and the mark of the end.
func (s sequence) wrote(p *play, values []string, all []*kgo.Record) {
	p.Helper()
	for i, r := range all {
		p.value(values[i], all[i:])
		p.equal("the mark of the end", i == len(all)-1, hasHeader(r, disposed))
	}
}

func hasHeader(r *kgo.Record, key string) bool {
	for _, h := range r.Headers {
		if h.Key == key {
			return true
		}
	}
	return false
}

func texts(values ...string) []string { return values }

func replyScenes() []scene {
	var all []scene
	for _, s := range sequences() {
		all = append(all, s.scene())
	}
	return append(all, duringReply(), lost(), lateEnd(), lateEmpty(), neverEnding(), partitionOfReply(), replyMessage(), markValues(), noMark(), laterReplies())
}

func sequences() []sequence {
	one := func(id, rule, js string) sequence {
		return sequence{
			id: "7." + id, rule: rule, js: js, goes: returns("a"),
			records: texts("a"), siskin: []any{"a"}, nest: texts(`"a"`),
		}
	}
	nothing := func(id, rule, js string, goes behaviour, stream bool) sequence {
		return sequence{id: "7." + id, rule: rule, js: js, goes: goes, stream: stream, records: texts(none), nest: texts("null")}
	}
	many := sequence{
		id: "7.many", rule: "several values: the last one has the mark of the end", js: "return of(1, 2, 3)",
		goes: streams(nil, 1, 2, 3), stream: true, records: texts("1", "2", "3"),
		siskin: []any{"1", "2", "3"}, nest: texts(`"1"`, `"2"`, `"3"`),
	}
	slow := many
	slow.id, slow.rule, slow.js = "7.many-in-time", "a stream that ends with its last value: that has the mark", "return interval(10).pipe(take(3), map((i) => i + 1))"
	slow.since = 11 // NestJS 10 can lose them, see 7.value-lost
	promised := many
	promised.id, promised.rule, promised.js = "7.promise-of-many", "a promise of an Observable is as that", "return Promise.resolve(of(1, 2, 3))"
	single := many
	single.id, single.rule, single.js = "7.stream-of-one", "a stream of one value is as that value", "return of(1)"
	single.goes, single.records, single.siskin, single.nest = streams(nil, 1), texts("1"), []any{"1"}, texts(`"1"`)
	nulls := many
	nulls.id, nulls.rule, nulls.js = "7.null-between", "a null between values is a record without a value", "return of(1, null, 3)"
	nulls.goes, nulls.records = streams(nil, 1, nil, 3), texts("1", none, "3")
	nulls.siskin, nulls.nest = []any{"1", nil, "3"}, texts(`"1"`, "null", `"3"`)
	empty := nothing("empty", "a stream without values is one record without a value: a NestJS client gets null; "+
		"a server of NestJS 10 or 11 stands still instead, see 7.empty-stops", "return EMPTY", streams(nil), true)
	empty.since = 12
	return []sequence{
		one("value", "a value is one record with the mark of the end", "return 'a'"),
		one("promise", "a promise is as its value", "return Promise.resolve('a')"),
		one("observable", "an Observable of one value is as that value", "return of('a')"),
		nothing("null", "null is one record without a value, with the mark: the client gets null", "return null", returns(nil), false),
		nothing("void", "so is no result", "", returns(struct{}{}), false),
		many, slow, promised, single, nulls,
		empty,
	}
}

// twoApart sends its second value while the first reply is on its way: the
// broker's answer needs another turn of the event loop.
const twoApart = "return new Observable((s) => { s.next(1); setImmediate(() => { s.next(2); s.complete(); }); })"

func duringReply() scene {
	return scene{
		id: "7.value-during-reply", rule: "a value that comes while the reply before it is on its way waits for that", since: 11,
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("a handler of NestJS: %s", twoApart)
			done := p.siskinStreams("run", js(twoApart))
			p.anyNote()
			o := p.ends(done)
			p.must(o.err)
			p.equal("values of Siskin's stream", []any{"1", "2"}, o.values)
			p.equal("the mark of the end", true, hasHeader(p.stored(p.topic("run.reply"), 2)[1], disposed))
			p.forget(p.topic("run"))
			p.does(streams(nil, 1, 2))
			p.nestGets(p.nestDoes("send", "go.stream", "'x'"), "complete", `"1"`, `"2"`)
			p.seenBySiskin()
			p.stored(p.topic("go.stream.reply"), 2)
			p.forget(p.topic("go.stream"))
		},
	}
}

func lost() scene {
	return scene{
		id: "7.value-lost", rule: "a server of NestJS 10 loses a value that comes while the reply before it is on its way, and with the last one the end",
		until: 10, differs: "a Siskin service loses none; a Siskin client gives up after Config.StreamIdle",
		play: func(p *play) {
			p.say("a handler of NestJS: %s", twoApart)
			p.request("run", []byte("x"), p.asks("id", "three.reply"), header("js", twoApart))
			p.anyNote()
			first := p.next(p.topic("three.reply"), 1)
			p.value("1", first)
			p.equal("the mark of the end", false, hasHeader(first[0], disposed))
			p.sentinel("three.reply", 0)
			p.does(streams(nil, 1, 2))
			p.request("go.stream", []byte("x"), p.asks("id", "three.reply"))
			p.siskinReads("x")
			p.next2("three.reply", "1", "2")
		},
	}
}

// lateEnd ends long after its last value.
func lateEnd() scene {
	return scene{
		id: "7.late-end", rule: "a stream that ends later than its last value: the mark goes alone, and a NestJS client gets one more null",
		differs: "a Siskin client takes the mark alone for the end",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("a handler of NestJS: of(1, 2), and the end when the client has them")
			done := p.siskinStreams("run", js("globalThis.s = new Subject(); return concat(of(1, 2), globalThis.s)"))
			p.anyNote()
			p.next2("run.reply", "1", "2")
			p.forget(p.topic("run"))
			p.request("run", []byte("x"), nil, header("js", "globalThis.s.complete()"))
			p.anyNote()
			o := p.ends(done)
			p.must(o.err)
			p.equal("values of Siskin's stream", []any{"1", "2"}, o.values)
			p.onlyMark(p.stored(p.topic("run.reply"), 1))
			p.forget(p.topic("run"))

			end := make(chan struct{})
			p.does(until(end, 1, 2))
			call := p.nestDoes("send", "go.stream", "'x'")
			p.seenBySiskin()
			p.must(call.Values(p.ctx, 2))
			close(end)
			p.nestGets(call, "complete", `"1"`, `"2"`, "null")
			p.onlyMark(p.stored(p.topic("go.stream.reply"), 3)[2:])
			p.forget(p.topic("go.stream"))
		},
	}
}

// until sends the values and ends with end.
func until(end chan struct{}, values ...any) behaviour {
	return func(ctx context.Context, send func(any) error) error {
		for _, v := range values {
			if err := send(v); err != nil {
				return err
			}
		}
		select {
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next2 waits for two values on a topic.
func (p *play) next2(topic, first, second string) {
	p.Helper()
	all, err := p.tape.next(p.ctx, p.topic(topic), 2)
	p.must(err)
	p.text(all)
	p.value(first, all)
	p.value(second, all[1:])
}

// onlyMark checks a record that has the mark of the end and nothing else.
func (p *play) onlyMark(all []*kgo.Record) {
	p.Helper()
	p.value(none, all)
	p.equal("the mark of the end", true, hasHeader(all[0], disposed))
}

func lateEmpty() scene {
	return scene{
		id: "7.late-empty", rule: "a stream that ends late without values is one record without a value too",
		play: func(p *play) {
			p.ways.out = true
			if p.number >= 12 { // older ones stand still, see 7.empty-stops
				p.ways.in = true
				done := p.siskinStreams("run", js("return timer(20).pipe(ignoreElements())"))
				p.anyNote()
				o := p.ends(done)
				p.must(o.err)
				p.equal("values of Siskin's stream", []any(nil), o.values)
				p.onlyMark(p.stored(p.topic("run.reply"), 1))
				p.forget(p.topic("run"))
			}

			end := make(chan struct{})
			p.does(until(end))
			call := p.nestDoes("send", "go.stream", "'x'")
			p.seenBySiskin()
			close(end)
			p.nestGets(call, "complete", "null")
			p.onlyMark(p.stored(p.topic("go.stream.reply"), 1))
			p.forget(p.topic("go.stream"))
		},
	}
}

func neverEnding() scene {
	return scene{
		id: "7.never-ending", rule: "a stream that does not end has no mark, and its client waits",
		differs: "a Siskin client waits for Config.StreamIdle", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("a handler of NestJS: concat(of(1, 2), NEVER)")
			var got []any
			for v, err := range siskin.Stream[any](p.ctx, p.client, p.topic("run"), "x", js("return concat(of(1, 2), NEVER)")) {
				p.must(err)
				if got = append(got, v); len(got) == 2 {
					break
				}
			}
			p.anyNote()
			p.equal("values", []any{"1", "2"}, got)
			for _, r := range p.stored(p.topic("run.reply"), 2) {
				p.equal("the mark of the end", false, hasHeader(r, disposed))
			}
			p.forget(p.topic("run"))

			impatient := p.cfg
			impatient.StreamIdle = time.Millisecond // nothing can come anyway
			client := p.another(impatient)
			got = nil
			for v, err := range siskin.Stream[any](p.ctx, client, p.topic("run"), "x", js("return concat(of(1), NEVER)")) {
				if err != nil {
					p.errorHas(err, siskin.ErrStreamIdle.Error())
					break
				}
				got = append(got, v)
			}
			p.anyNote()
			p.equal("values", []any{"1"}, got)
			p.forget(p.topic("run"), p.topic("run.reply"))

			end := make(chan struct{})
			p.does(until(end, 1, 2))
			call := p.nestDoes("send", "go.stream", "'x'")
			p.seenBySiskin()
			p.must(call.Values(p.ctx, 2))
			for _, r := range p.stored(p.topic("go.stream.reply"), 2) {
				p.equal("the mark of the end", false, hasHeader(r, disposed))
			}
			close(end)
			p.nestGets(call, "complete", `"1"`, `"2"`, "null")
			p.forget(p.topic("go.stream"), p.topic("go.stream.reply"))
		},
	}
}

func partitionOfReply() scene {
	return scene{
		id: "7.partition", rule: "a reply goes to the partition of the request, whatever its handler says", play: func(p *play) {
			for i, number := range []string{"2", "0"} {
				headers := p.asks("id", "three.reply")
				headers[2] = header(replyPartition, number)
				p.request("run", []byte("x"), headers, header("js", "return { value: 'a', partition: 1 }"))
				p.anyNote()
				p.equal("partition", int32(2-2*i), p.next(p.topic("three.reply"), 1)[0].Partition)

				p.does(returns(siskin.Message{Value: "a", Options: []siskin.CallOption{siskin.WithPartition(1)}}))
				p.request("go.run", []byte("x"), headers)
				p.siskinReads("x")
				p.equal("partition", int32(2-2*i), p.next(p.topic("three.reply"), 1)[0].Partition)
			}
		},
	}
}

func replyMessage() scene {
	return scene{
		id: "7.reserved-headers", rule: "headers of the protocol that a handler gives its reply are overwritten",
		differs: "in Siskin they are left out; none can be set by accident", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("a handler of NestJS gives its reply another correlation id")
			got, err := p.siskinSends(goTypeOf("any"), "run", "x", js("return { value: 'a', headers: { kafka_correlationId: 'mine', own: '1' } }"))
			p.must(err)
			p.anyNote()
			p.equal("reply", any("a"), got)
			p.stored(p.topic("run.reply"), 1)
			p.forget(p.topic("run"))

			p.say("a handler of Siskin too")
			p.does(returns(siskin.Message{Value: "a", Options: []siskin.CallOption{
				siskin.WithHeader("kafka_correlationId", "mine"), siskin.WithHeader("own", "1"),
			}}))
			call := p.nestDoes("send", "go.run", "'x'")
			p.seenBySiskin()
			p.nestGets(call, "complete", `"a"`)
			p.stored(p.topic("go.run.reply"), 1)
			p.forget(p.topic("go.run"))
		},
	}
}

func markValues() scene {
	return scene{
		id: "7.mark-values", rule: "the mark of the end counts when it is there, whatever its value", play: func(p *play) {
			for _, value := range []string{"\x00", "", "true", "false"} {
				call, request := p.nestAsks()
				request.reply([]byte("a"), header(disposed, value))
				p.nestGets(call, "complete", `"a"`)
				done := p.siskinStreams("raw")
				p.asked().reply([]byte("a"), header(disposed, value))
				o := p.ends(done)
				p.must(o.err)
				p.equal("values of Siskin's stream", []any{"a"}, o.values)
			}
		},
	}
}

func noMark() scene {
	return scene{
		id: "7.no-mark", rule: "a reply without the mark is a value, and the call goes on", differs: "Send of Siskin takes the first reply",
		play: func(p *play) {
			call, request := p.nestAsks()
			request.reply([]byte("a"))
			p.must(call.Values(p.ctx, 1))
			request.reply([]byte("b"), header(disposed, ""))
			p.nestGets(call, "complete", `"a"`, `"b"`)
			done, request := p.siskinAsks(goTypeOf("any"))
			request.reply([]byte("a"))
			o := p.ends(done)
			p.must(o.err)
			p.equal("reply", []any{"a"}, o.values)
		},
	}
}

func laterReplies() scene {
	return scene{
		id: "7.after-the-end", rule: "what comes after the end, or for nobody, is ignored", play: func(p *play) {
			call, request := p.nestAsks()
			request.reply([]byte("a"), header(disposed, ""))
			request.reply([]byte("late"), header(disposed, ""))
			p.nestGets(call, "complete", `"a"`)
			done := p.siskinStreams("raw")
			request = p.asked()
			request.reply([]byte("a"), header(disposed, ""))
			request.reply([]byte("late"), header(disposed, ""))
			o := p.ends(done)
			p.must(o.err)
			p.equal("values of Siskin's stream", []any{"a"}, o.values)
			// Replies without an id, or with one that nobody knows, in front.
			call, request = p.nestAsks()
			p.write("raw.reply", kgo.Record{Value: []byte("nobody's")})
			p.write("raw.reply", kgo.Record{Value: []byte("a stranger's"), Headers: []kgo.RecordHeader{header("kafka_correlationId", "stranger")}})
			request.reply([]byte("b"), header(disposed, ""))
			p.nestGets(call, "complete", `"b"`)
			done, request = p.siskinAsks(goTypeOf("any"))
			p.write("raw.reply", kgo.Record{Value: []byte("nobody's")})
			p.write("raw.reply", kgo.Record{Value: []byte("a stranger's"), Headers: []kgo.RecordHeader{header("kafka_correlationId", "stranger")}})
			request.reply([]byte("b"), header(disposed, ""))
			o = p.ends(done)
			p.must(o.err)
			p.equal("reply", []any{"b"}, o.values)
		},
	}
}
