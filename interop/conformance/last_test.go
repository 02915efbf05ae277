package conformance_test

import (
	"context"
	"errors"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/twmb/franz-go/pkg/kgo"
)

// emptyStops stops a server of NestJS for good: the one with keepBinary, which no
// later scene needs.
func emptyStops() scene {
	return scene{
		id: "7.empty-stops", rule: "a server of NestJS 10 or 11 that answers with a stream without values serves nothing any more", until: 11,
		differs: "a Siskin service answers, and goes on", play: func(p *play) {
			p.request("binary", []byte("1"), p.asks("one", "three.reply"), header("js", "return EMPTY"))
			p.anyNote()
			p.request("binary", []byte("2"), p.asks("two", "three.reply"), header("js", "return 2"))
			// The other server of the process answers all the while.
			for range 20 {
				p.sentinel("three.reply", 0)
			}
			p.say("NestJS answers neither")
			p.does(streams(nil))
			p.request("go.stream", []byte("1"), p.asks("one", "three.reply"))
			p.siskinReads("1")
			p.onlyMark(p.next(p.topic("three.reply"), 1))
			p.does(streams(nil, 2))
			p.request("go.stream", []byte("2"), p.asks("two", "three.reply"))
			p.siskinReads("2")
			p.value("2", p.next(p.topic("three.reply"), 1))
		},
	}
}

// noCodec is the number of a batch that is not compressed.
const noCodec = 0

// noCompression looks at all that was written. franz-go leaves a batch plain when
// compression would not make it smaller, so there are some that are worth it.
func noCompression() scene {
	return scene{
		id: "15.no-compression", rule: "kafkajs reads no codec but gzip, so nothing is compressed unless asked", play: func(p *play) {
			p.ways.out = true
			repetitive := strings.Repeat("compress me ", 5_000)
			letters := make(chan struct{})
			bad := p.topic("three")
			p.serves(func(svc *siskin.Service) {
				siskin.On(svc, bad, func(context.Context, string) error { return siskin.DeadLetter(errors.New(repetitive)) })
				siskin.On(svc, bad+"-dlt", func(context.Context, string) error {
					close(letters)
					return nil
				})
			})
			p.siskinEmits("three", repetitive)
			p.siskinEmits("note", repetitive)
			p.anyNote()
			got, err := p.siskinSends(goTypeOf("string"), "run", repetitive, js("return payload"))
			p.must(err)
			p.anyNote()
			p.equal("reply of NestJS", any(repetitive), got)
			p.does(returns(repetitive))
			p.equal("values of the NestJS client", 1, len(p.nestEnds(p.nestDoes("send", "go.run", "'x'")).Values))
			p.seenBySiskin()
			select {
			case <-letters:
			case <-p.ctx.Done():
				p.Fatal("the dead letter did not come")
			}
			isLarge := func(r *kgo.Record) bool { return len(r.Value) == len(repetitive) }
			letter := p.recordsUpTo(bad+"-dlt", isLarge)
			p.forget(p.topic("three"), p.topic("note"), p.topic("run"), p.topic("run.reply"), p.topic("go.run"), p.topic("go.run.reply"))
			large := 0
			for _, r := range append(p.tape.everything(), letter...) {
				if codec := r.Attrs.CompressionType(); codec != noCodec {
					p.Errorf("%s/%d@%d has the codec %d", p.constant(r.Topic), r.Partition, r.Offset, codec)
				}
				if isLarge(r) {
					large++
				}
			}
			p.say("no record is compressed, also none of %d large ones", large)
			p.equal("large records", 6, large)
		},
	}
}
