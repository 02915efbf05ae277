package conformance_test

import (
	"strconv"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/interop/records"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Headers of requests and replies.
const (
	replyPartition = "kafka_replyPartition"
	nestError      = "kafka_nest-err"
	disposed       = "kafka_nest-is-disposed"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

// asks are the headers of a request whose replies go to partition 0 of topic.
func (p *play) asks(id, topic string) []kgo.RecordHeader {
	return []kgo.RecordHeader{
		header(records.CorrelationID, id), header(records.ReplyTopic, p.topic(topic)), header(replyPartition, "0"),
	}
}

// write stores a record of the test's own.
func (p *play) write(pattern string, r kgo.Record) *kgo.Record {
	p.Helper()
	p.ways.raw = true
	r.Topic = p.topic(pattern)
	if strings.HasPrefix(pattern, p.digits) || pattern == "true" {
		r.Topic = pattern
	}
	p.must(p.tape.write(p.ctx, &r))
	p.say("a record is written:")
	return p.stored(r.Topic, 1)[0]
}

// request writes a record with headers that may make it a request.
func (p *play) request(pattern string, value []byte, headers []kgo.RecordHeader, more ...kgo.RecordHeader) *kgo.Record {
	p.Helper()
	return p.write(pattern, kgo.Record{Value: value, Headers: append(more, headers...)})
}

// asked is a request of a client that waits for a reply which the test writes.
type asked struct {
	p       *play
	headers map[string]string
}

// nestAsks begins a call of the NestJS client to nobody.
func (p *play) nestAsks() (*peer.Call, asked) {
	p.Helper()
	call, err := p.nest.Client.Do(map[string]any{
		"op": "send", "pattern": "raw", "js": "'x'", "timeout": patience.Milliseconds(),
	})
	p.must(err)
	return call, p.asked()
}

// outcome is how a call of Siskin's client ended.
type outcome struct {
	values []any
	err    error
}

// siskinAsks begins a call of Siskin's client to nobody.
func (p *play) siskinAsks(into typed) (chan outcome, asked) {
	p.Helper()
	done := make(chan outcome, 1)
	go func() {
		v, err := into.send(p.ctx, p.client, p.topic("raw"), "x", nil)
		done <- outcome{[]any{v}, err}
	}()
	return done, p.asked()
}

// siskinStreams begins a call of Siskin's client that reads all replies.
func (p *play) siskinStreams(pattern string, opts ...siskin.CallOption) chan outcome {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		for v, err := range siskin.Stream[any](p.ctx, p.client, p.topic(pattern), "x", opts...) {
			if o.err = err; err == nil {
				o.values = append(o.values, v)
			}
		}
		done <- o
	}()
	return done
}

func (p *play) asked() asked {
	p.Helper()
	all, err := p.tape.next(p.ctx, p.topic("raw"), 1)
	p.must(err)
	a := asked{p: p, headers: make(map[string]string)}
	for _, h := range all[0].Headers {
		a.headers[h.Key] = string(h.Value)
	}
	return a
}

// reply writes a reply to the request, with more headers behind the id.
func (a asked) reply(value []byte, more ...kgo.RecordHeader) {
	a.p.Helper()
	partition, err := strconv.Atoi(a.headers[replyPartition])
	a.p.must(err)
	a.p.ways.raw = true
	r := &kgo.Record{
		Topic: a.headers[records.ReplyTopic], Partition: int32(partition), Value: value,
		Headers: append([]kgo.RecordHeader{header(records.CorrelationID, a.headers[records.CorrelationID])}, more...),
	}
	a.p.must(a.p.tape.write(a.p.ctx, r))
	a.p.say("a reply is written:")
	a.p.stored(r.Topic, 1)
}

// ends waits for the end of a call of Siskin's.
func (p *play) ends(done chan outcome) outcome {
	p.Helper()
	select {
	case o := <-done:
		for _, v := range o.values {
			p.say("Siskin gets %s", show(v))
		}
		return o
	case <-p.ctx.Done():
		p.Fatalf("the call of Siskin did not end; so far:\n%s", p.script.String())
		return outcome{}
	}
}

// sentinel asks NestJS for an answer to a last request on topic, which must be
// the only one of answers: what was asked before it is never answered, because
// NestJS serves one record after the other.
func (p *play) sentinel(replies string, before int) {
	p.Helper()
	r := &kgo.Record{
		Topic: p.topic("run"), Value: []byte("last"),
		Headers: append(p.asks("last", replies), header("js", "return 'last'")),
	}
	p.must(p.tape.write(p.ctx, r))
	p.anyNote()
	all, err := p.tape.next(p.ctx, p.topic(replies), before+1)
	p.must(err)
	if len(all) != before+1 || string(all[before].Value) != "last" {
		p.text(all)
		p.Fatalf("NestJS answered more than the last request:\n%s", p.script.String())
	}
	p.text(all[:before])
	p.forget(p.topic("run"))
}
