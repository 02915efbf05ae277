package conformance_test

import (
	"context"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/records"
	"github.com/twmb/franz-go/pkg/kgo"
)

const noHandler = "There is no matching message handler defined in the remote service."

// Sections 9 and 10: topics without a handler, and the names of topics.
func patternScenes() []scene {
	return []scene{
		noMessageHandler(), noEventHandler(), noHandlerRead(), numberPattern(), nameLikeJSON(), objectPattern(), noPattern(), laterTopic(),
	}
}

// nameLikeJSON is a topic whose handler NestJS does not find.
func (p *play) topicsLikeJSON() []string { return []string{"true", p.digits + "e3"} }

func noMessageHandler() scene {
	return scene{
		id: "9.request", rule: "a request without a handler is answered with a text as the error, and without the mark of the end",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			for _, topic := range p.topicsLikeJSON() {
				p.say("Siskin sends to %s", topic)
				_, err := siskin.Send[any](p.ctx, p.client, topic, "x")
				p.siskinFails(err, siskin.Error{Code: siskin.CodeUnimplemented, Message: noHandler})
				r := p.stored(topic+".reply", 1)[0]
				p.equal(nestError, noHandler, headerText(r, nestError))
				p.equal("the mark of the end", false, hasHeader(r, disposed))
				p.forget(topic)
			}
			p.readsUnserved()
			p.nestGets(p.nestDoes("send", "raw", "'x'"), text(noHandler))
			r := p.stored(p.topic("raw.reply"), 1)[0]
			p.equal(nestError, noHandler, headerText(r, nestError))
			p.equal("the mark of the end", false, hasHeader(r, disposed))
			p.forget(p.topic("raw"))
		},
	}
}

func noEventHandler() scene {
	return scene{
		id: "9.event", rule: "an event without a handler is told in the log, and done", play: func(p *play) {
			p.ways = ways{in: true, out: true}
			for _, topic := range p.topicsLikeJSON() {
				p.say("Siskin emits to %s", topic)
				_, err := p.client.Emit(p.ctx, topic, "x")
				p.must(err)
				p.stored(topic, 1)
				p.nestLogs("There is no matching event handler defined in the remote service. Event pattern: ")
			}
			p.sentinel("three.reply", 0)
			p.readsUnserved()
			p.nestEnds(p.nestDoes("emit", "raw", "'x'"))
			p.siskinHas(p.stored(p.topic("raw"), 1)[0], "none", "dropped")
		},
	}
}

// readsUnserved runs a service of Siskin that reads the topic raw without a handler
// for it, which only Config.Kafka can make it do.
func (p *play) readsUnserved() {
	p.Helper()
	p.say("a service of Siskin reads a topic without a handler")
	cfg := p.cfg
	cfg.Kafka = []kgo.Opt{kgo.ConsumeTopics(p.topic("raw"), p.topic("three"))}
	p.servesWith(cfg, func(svc *siskin.Service) {
		siskin.On(svc, p.topic("three"), func(context.Context, any) error { return nil })
	})
}

func noHandlerRead() scene {
	return faultRead{
		"9.read", "a client gets that text as its error", noHandler, text(noHandler),
		siskin.Error{Code: siskin.CodeUnimplemented, Message: noHandler},
	}.scene()
}

func numberPattern() scene {
	return scene{id: "10.number", rule: "a pattern that is a number is its digits", play: func(p *play) {
		p.ways = ways{in: true, out: true}
		got, err := siskin.Send[string](p.ctx, p.client, p.digits, "x", js("return 'handled'"))
		p.must(err)
		p.handlers(16)
		p.equal("reply", "handled", got)
		p.stored(p.digits+".reply", 1)
		p.forget(p.digits)
	}}
}

func nameLikeJSON() scene {
	return scene{
		id: "10.name-like-json", rule: "a topic whose name is JSON of something else, such as true or 1e3, never reaches its handler",
		differs: "Siskin takes every name as it is", play: func(p *play) {
			topic := p.digits + "e4"
			p.write(topic, kgo.Record{Value: []byte("x"), Headers: []kgo.RecordHeader{
				header(records.CorrelationID, "id"), header(records.ReplyTopic, topic+".reply"), header(replyPartition, "0"),
			}})
			p.siskinReads("x")
			p.value("number", p.next(topic+".reply", 1))
		},
	}
}

func objectPattern() scene {
	return scene{
		id: "10.object", rule: "a pattern that is an object is no legal topic: neither a server nor a client can use it",
		differs: "Siskin says so before it touches the network", play: func(p *play) {
			const name = `{"b":1,"cmd":"x"}`
			for _, op := range []string{"listen", "emit"} {
				p.say("NestJS: %s with { cmd: 'x', b: 1 }", op)
				call, err := p.nest.Client.Do(map[string]any{"op": "try", "pattern": map[string]string{"js": "{ cmd: 'x', b: 1 }"}, "js": op})
				p.must(err)
				outcome, err := call.End(p.ctx)
				p.must(err)
				if outcome.Err == nil {
					p.Errorf("NestJS can %s with an object", op)
				}
				p.say("NestJS fails") // how is the broker's affair
			}
			svc, err := siskin.NewService(p.cfg)
			p.must(err)
			siskin.Handle(svc, name, func(context.Context, any) (any, error) { return nil, nil })
			p.errorHas(svc.Run(p.ctx), "not a legal topic name")
			_, err = siskin.Send[any](p.ctx, p.client, name, "x")
			p.errorHas(err, "not a legal topic name")
			p.say("Siskin fails: not a legal topic name")
			_, err = p.client.Emit(p.ctx, name, "x")
			p.errorHas(err, "not a legal topic name")
			p.ways = ways{in: true, out: true}
		},
	}
}

func noPattern() scene {
	return scene{id: "10.none", rule: "a pattern that is null or undefined is refused; in Go an empty one is", play: func(p *play) {
		p.ways = ways{in: true, out: true}
		for _, js := range []string{"null", "undefined"} {
			call, err := p.nest.Client.Do(map[string]any{"op": "emit", "pattern": map[string]string{"js": js}, "js": "'x'"})
			p.must(err)
			outcome, err := call.End(p.ctx)
			p.must(err)
			p.say("NestJS fails: %s", outcome.Err)
			p.equal("error", `"The invalid data or message pattern (undefined/null)"`, field(p, outcome.Err, "message"))
		}
		_, err := p.client.Emit(p.ctx, "", "x")
		p.errorHas(err, "not a legal topic name")
	}}
}

func laterTopic() scene {
	return scene{
		id: "10.expression-later", rule: "a regular expression means the topics that there are when the server starts", since: 12,
		differs: "Siskin finds new ones within Config.Refresh and reads them from their beginning", play: func(p *play) {
			p.ways.out = true
			p.must(createAll(p.ctx, p.tape.client, map[string]int32{p.topic("rx.later"): 1, p.topic("go.rx.later"): 1}))
			p.siskinEmits("rx.later", "x")
			p.say("Siskin emits to a new topic that an expression of NestJS fits, then to an old one: only that is read")
			p.siskinEmits("rx.a", "y")
			p.nestReads(`"y"`)
			p.forget(p.topic("rx.a"))
			p.siskinEmits("go.rx.later", "x")
			p.say("Siskin emits to a new topic that an expression of Siskin fits")
			p.siskinReads("x")
		},
	}
}
