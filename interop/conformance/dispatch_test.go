package conformance_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/records"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Section 6: which handler gets a record, and whether it is answered.
func dispatchScenes() []scene {
	id, to, at := header(records.CorrelationID, "id"), records.ReplyTopic, header(replyPartition, "0")
	return []scene{
		request("6.request", "a record with a correlation id and a reply topic is a request", true, func(p *play) []kgo.RecordHeader {
			return p.asks("id", "three.reply")
		}),
		request("6.no-correlation-id", "without a correlation id it is an event", false, func(p *play) []kgo.RecordHeader {
			return []kgo.RecordHeader{header(to, p.topic("three.reply")), at}
		}),
		request("6.empty-correlation-id", "with an empty correlation id it is an event", false, func(p *play) []kgo.RecordHeader {
			return []kgo.RecordHeader{header(records.CorrelationID, ""), header(to, p.topic("three.reply")), at}
		}),
		request("6.no-reply-topic", "without a reply topic it is an event", false, func(*play) []kgo.RecordHeader {
			return []kgo.RecordHeader{id, at}
		}),
		request("6.empty-reply-topic", "with an empty reply topic it is an event", false, func(*play) []kgo.RecordHeader {
			return []kgo.RecordHeader{id, header(to, ""), at}
		}),
		request("6.event-to-requests", "an event to a topic of requests runs the handler; its result is nobody's", false,
			func(*play) []kgo.RecordHeader { return nil }),
		requestToEvents(), severalEventHandlers(), severalEventHandlersFail(), severalPatterns(),
		doubled("6.two-message-handlers", "of two message handlers of a topic the last one wins", "twice", 4),
		doubled("6.event-after-message", "an event handler that is added after a message handler is never called", "message-then-event", 5),
		doubled("6.message-after-event", "a message handler that is added after an event handler replaces it", "event-then-message", 8),
		exactBeforeExpression(), eventByExpression(), requestByExpression(), observableEvent(), emptyEvent(), openStream(), retriedEvent(),
	}
}

// request sends a record with the headers to a request handler of each side.
func request(id, rule string, answered bool, headers func(*play) []kgo.RecordHeader) scene {
	return scene{id: id, rule: rule, play: func(p *play) {
		p.request("run", []byte("x"), headers(p), header("js", "return 'answer'"))
		p.nestReads(`"x"`)
		if answered {
			p.value("answer", p.next(p.topic("three.reply"), 1))
		}
		p.sentinel("three.reply", 0)

		p.does(returns("answer"))
		at := p.request("go.run", []byte("x"), headers(p))
		d := p.siskinReads("x")
		p.equal("a caller waits", answered, d.request)
		if answered {
			p.value("answer", p.next(p.topic("three.reply"), 1))
			p.siskinHas(at, "request", "replied")
		} else {
			p.siskinHas(at, "event", "done")
			p.stored(p.topic("three.reply"), 0)
		}
	}}
}

func requestToEvents() scene {
	return scene{
		id: "6.request-to-events", rule: "a request to a topic of events runs its handlers, and nobody answers",
		play: func(p *play) {
			p.request("note", []byte("x"), p.asks("id", "three.reply"), header("js", "return 'answer'"))
			p.nestReads(`"x"`)
			p.sentinel("three.reply", 0)
			at := p.request("go.events", []byte("x"), p.asks("id", "three.reply"))
			p.siskinReads("x")
			p.siskinReads("x")
			p.siskinHas(at, "event", "done")
			p.stored(p.topic("three.reply"), 0)
		},
	}
}

func severalEventHandlers() scene {
	return scene{id: "6.several-event-handlers", rule: "all event handlers of a topic run", play: func(p *play) {
		p.ways = ways{in: true, out: true}
		p.say("Siskin emits an event with two handlers in NestJS")
		p.siskinEmits("events", "x")
		p.stored(p.topic("events"), 1)
		p.handlers(9, 10)
		p.nestEnds(p.nestDoes("emit", "go.events", "'x'"))
		p.stored(p.topic("go.events"), 1)
		p.siskinReads("x")
		p.siskinReads("x")
	}}
}

// handlers checks which handlers of NestJS get a record each, in this order.
func (p *play) handlers(numbers ...int) {
	p.Helper()
	var got []int
	for range numbers {
		n, err := p.nest.Server.Note(p.ctx)
		p.must(err)
		got = append(got, n.Handler)
		p.say("handler %d of NestJS reads %s", n.Handler, n.Payload)
	}
	p.equal("handlers of NestJS", numbers, got)
}

func severalEventHandlersFail() scene {
	return scene{
		id: "6.one-of-several-fails", rule: "when one of several event handlers fails, all run again",
		differs: "in Siskin only the one that failed runs again",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("Siskin emits an event, and one of two handlers in NestJS fails once")
			p.siskinEmits("events", "x", js("globalThis.n = (globalThis.n ?? 0) + 1; if (globalThis.n === 2) throw new RpcException('once')"))
			p.stored(p.topic("events"), 1)
			p.handlers(9, 10, 9, 10)
			p.nestLogs("once")

			runs := [2]atomic.Int32{}
			done := make(chan int, 10)
			topic := p.topic("three")
			p.serves(func(svc *siskin.Service) {
				for i := range runs {
					siskin.On(svc, topic, func(context.Context, string) error {
						if runs[i].Add(1) == 1 && i == 1 {
							return errors.New("once")
						}
						done <- i
						return nil
					})
				}
			})
			p.nestEnds(p.nestDoes("emit", "three", "{ value: 'x', partition: 0 }"))
			p.stored(topic, 1)
			for range runs {
				select {
				case <-done:
				case <-p.ctx.Done():
					p.Fatal("a handler did not end")
				}
			}
			p.say("the handlers of Siskin ran %d and %d times", runs[0].Load(), runs[1].Load())
			p.equal("runs", [2]int32{1, 2}, [2]int32{runs[0].Load(), runs[1].Load()})
		},
	}
}

// serves runs one more Siskin service for the rest of the scene.
func (p *play) serves(register func(*siskin.Service)) {
	p.Helper()
	p.servesWith(p.cfg, register)
}

func (p *play) servesWith(cfg siskin.Config, register func(*siskin.Service)) {
	p.Helper()
	cfg.Group = siskintest.Name(cfg.Group)
	svc, err := siskin.NewService(cfg)
	p.must(err)
	register(svc)
	siskintest.Run(p.T, svc)
}

func severalPatterns() scene {
	return scene{id: "6.several-patterns", rule: "one handler can have several patterns; in Go it is registered twice", play: func(p *play) {
		p.ways.out = true
		for _, pattern := range []string{"list.a", "list.b"} {
			p.say("Siskin sends to %s", pattern)
			got, err := p.siskinSends(goTypeOf("string"), pattern, "x", js("return 'handled'"))
			p.must(err)
			p.equal("reply", any("handled"), got)
			p.handlers(11)
			p.stored(p.topic(pattern+".reply"), 1)
		}
	}}
}

// doubled is a topic with two handlers of NestJS, of which one runs.
func doubled(id, rule, pattern string, runs int) scene {
	return scene{
		id: id, rule: rule, differs: "Siskin refuses to start, and names both places", play: func(p *play) {
			p.ways.out = true
			p.say("Siskin sends to %s", pattern)
			got, err := p.siskinSends(goTypeOf("string"), pattern, "x", js("return 'handled'"))
			p.must(err)
			p.equal("reply", any("handled"), got)
			p.handlers(runs)
			p.stored(p.topic(pattern+".reply"), 1)

			svc, err := siskin.NewService(p.cfg)
			p.must(err)
			message := func() {
				siskin.Handle(svc, "t", func(context.Context, any) (any, error) { return nil, nil })
			}
			event := func() { siskin.On(svc, "t", func(context.Context, any) error { return nil }) }
			add := map[string][]func(){"twice": {message, message}, "message-then-event": {message, event}, "event-then-message": {event, message}}
			for _, f := range add[pattern] {
				f()
			}
			err = svc.Run(p.ctx)
			p.errorHas(err, "the topic already has ")
			if strings.Count(err.Error(), "dispatch_test.go:") != 2 {
				p.Errorf("%q does not name both places", err)
			}
		},
	}
}

func exactBeforeExpression() scene {
	return scene{
		id: "6.exact-before-expression", rule: "a handler of the topic itself goes before one of a regular expression", since: 12,
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("Siskin emits to rx.exact")
			p.siskinEmits("rx.exact", "x")
			p.stored(p.topic("rx.exact"), 1)
			p.handlers(18)
			p.answersByName("go.rx.exact", "exact")
		},
	}
}

// answersByName checks which handler of the Siskin service serves a topic.
func (p *play) answersByName(pattern, want string) {
	p.Helper()
	p.write(pattern, kgo.Record{Value: []byte("x"), Headers: p.asks("id", "three.reply")})
	p.siskinReads("x")
	p.value(want, p.next(p.topic("three.reply"), 1))
}

func eventByExpression() scene {
	return scene{
		id: "6.expressions-in-order", rule: "of several regular expressions that fit, the one that was registered first", since: 12,
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			for _, topic := range []string{"rx.a", "rx.b"} {
				p.say("Siskin emits to %s", topic)
				p.siskinEmits(topic, "x")
				p.stored(p.topic(topic), 1)
				p.handlers(19)
				p.answersByName("go."+topic, "first expression")
			}
		},
	}
}

func requestByExpression() scene {
	return scene{
		id: "6.request-by-expression", rule: "a message handler can have a regular expression of topics; it gets its own replies too where they fit",
		differs: "no expression of Siskin fits a topic of replies or dead letters",
		play: func(p *play) {
			p.ways.in = true
			p.nestGets(p.nestDoes("send", "go.rx.a", "'x'"), "complete", `"first expression"`)
			p.siskinReads("x")
			p.stored(p.topic("go.rx.a"), 1)
			p.stored(p.topic("go.rx.a.reply"), 1)
			if !p.hasExpressions() {
				return
			}
			p.ways.out = true
			p.say("Siskin sends to rpc.a")
			got, err := p.siskinSends(goTypeOf("string"), "rpc.a", "x", js("return 'handled'"))
			p.must(err)
			p.equal("reply", any("handled"), got)
			p.handlers(21, 21)
			p.stored(p.topic("rpc.a.reply"), 1)
		},
	}
}

func observableEvent() scene {
	return scene{
		id: "6.event-awaited", rule: "an event handler is awaited to its end before the next record, also when it returns an Observable",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("Siskin emits two events, of which the first takes longer")
			p.siskinEmits("note", "1", js("globalThis.order = []; return timer(100).pipe(tap(() => globalThis.order.push('end of 1')))"))
			p.siskinEmits("note", "2", js("globalThis.order.push('start of 2')"))
			p.handlers(2, 2)
			got, err := p.siskinSends(goTypeOf("list-any"), "run", "x", js("return globalThis.order"))
			p.must(err)
			p.anyNote()
			p.forget(p.topic("run"), p.topic("run.reply"), p.topic("note"))
			p.equal("order", any([]any{"end of 1", "start of 2"}), got)

			// With one key or Ordered, Siskin does so too.
			var order []string
			done := make(chan struct{})
			topic := p.topic("three")
			p.serves(func(svc *siskin.Service) {
				siskin.On(svc, topic, func(_ context.Context, v string) error {
					order = append(order, "start of "+v, "end of "+v)
					if v == "2" {
						close(done)
					}
					return nil
				}, siskin.Ordered())
			})
			p.nestEnds(p.nestDoes("emitBatch", "three", "{ messages: [{ value: '1', partition: 0 }, { value: '2', partition: 0 }] }"))
			select {
			case <-done:
			case <-p.ctx.Done():
				p.Fatal("an event did not come")
			}
			p.stored(topic, 2)
			p.equal("order in Siskin", []string{"start of 1", "end of 1", "start of 2", "end of 2"}, order)
		},
	}
}

func emptyEvent() scene {
	return scene{
		id: "6.event-empty", rule: "an event handler that returns an Observable without a value fails, and runs again",
		differs: "a Go handler that returns nil has succeeded", play: func(p *play) {
			p.ways.out = true
			p.say("Siskin emits an event whose handler returns EMPTY once")
			p.siskinEmits("note", "x", js("globalThis.runs = (globalThis.runs ?? 0) + 1; return globalThis.runs < 2 ? EMPTY : of(1)"))
			p.stored(p.topic("note"), 1)
			p.handlers(2, 2)
		},
	}
}

func openStream() scene {
	return scene{
		id: "6.open-stream", rule: "after the first value of a stream the next records are served, and the stream goes on beside them",
		play: func(p *play) {
			p.say("NestJS streams while it answers something else")
			p.request("run", []byte("1"), p.asks("one", "three.reply"), header("js", "globalThis.s = new Subject(); return concat(of(1), globalThis.s)"))
			p.anyNote()
			p.value("1", p.next(p.topic("three.reply"), 1))
			p.request("run", []byte("2"), p.asks("two", "three.reply"), header("js", "return 'between'"))
			p.anyNote()
			p.value("between", p.next(p.topic("three.reply"), 1))
			p.request("run", []byte("3"), nil, header("js", "globalThis.s.next(2); globalThis.s.complete()"))
			p.anyNote()
			p.value("2", p.next(p.topic("three.reply"), 1))

			p.say("so does Siskin")
			more := make(chan struct{})
			p.does(func(ctx context.Context, send func(any) error) error {
				if err := send(1); err != nil {
					return err
				}
				select {
				case <-more:
				case <-ctx.Done():
				}
				return send(2)
			})
			p.request("go.stream", []byte("1"), p.asks("one", "three.reply"))
			p.siskinReads("1")
			p.value("1", p.next(p.topic("three.reply"), 1))
			p.does(streams(nil, "between"))
			p.request("go.stream", []byte("2"), p.asks("two", "three.reply"))
			p.siskinReads("2")
			p.value("between", p.next(p.topic("three.reply"), 1))
			close(more)
			p.value("2", p.next(p.topic("three.reply"), 1))
		},
	}
}

func retriedEvent() scene {
	return scene{
		id: "6.event-retried", rule: "an event whose handler fails is delivered again after a while, and holds up what is behind it",
		differs: "Siskin tries a bounded number of times, then writes a dead letter; other keys are not held up",
		play: func(p *play) {
			p.ways = ways{in: true, out: true}
			p.say("Siskin emits an event whose handler fails once, and another one")
			p.siskinEmits("note", "1", js("globalThis.failed ??= 0; if (globalThis.failed++ === 0) throw new Error('once')"))
			p.siskinEmits("note", "2")
			p.stored(p.topic("note"), 2)
			var got []string
			for range 3 {
				n, err := p.nest.Server.Note(p.ctx)
				p.must(err)
				got = append(got, string(n.Payload))
			}
			p.say("NestJS reads %v", got)
			p.equal("events in NestJS", []string{`"1"`, `"1"`, `"2"`}, got)

			letters := make(chan string, 1)
			topic := p.topic("three")
			p.serves(func(svc *siskin.Service) {
				siskin.On(svc, topic, func(context.Context, string) error { return siskin.DeadLetter(errors.New("bad")) })
				siskin.On(svc, topic+"-dlt", func(_ context.Context, v string) error {
					letters <- v
					return nil
				})
			})
			p.nestEnds(p.nestDoes("emit", "three", "{ value: 'x', partition: 0 }"))
			p.stored(topic, 1)
			select {
			case v := <-letters:
				p.say("the dead letter of Siskin is %s", v)
				p.equal("dead letter", "x", v)
			case <-p.ctx.Done():
				p.Fatal("the dead letter did not come")
			}
		},
	}
}
