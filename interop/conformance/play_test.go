package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/interop/records"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scene is one case: a rule of the protocol notes for NestJS.
type scene struct {
	id   string // the section and a name
	rule string
	// differs says what Siskin does otherwise, on purpose. Empty where it does
	// as NestJS.
	differs string
	// since is the first version of NestJS that knows the rule. Zero: all do.
	since int
	// until is the last one. Zero: the newest.
	until int
	play  func(p *play)
}

// knows reports whether a version of NestJS knows the rule.
func (c scene) knows(v version) bool {
	return v.number >= c.since && (c.until == 0 || v.number <= c.until)
}

// play is a scene on a stage.
type play struct {
	*testing.T
	*stage
	ctx    context.Context
	script strings.Builder // what happened, for the golden file
	ways   ways
}

// ways say who wrote what was read.
type ways struct {
	in  bool // NestJS wrote, Siskin read
	out bool // Siskin wrote, NestJS read
	raw bool // the test wrote, and both read
}

func (w ways) String() string {
	var all []string
	for _, way := range []struct {
		is   bool
		name string
	}{{w.in, "in"}, {w.out, "out"}, {w.raw, "raw"}} {
		if way.is {
			all = append(all, way.name)
		}
	}
	return strings.Join(all, ", ")
}

// say adds a line to the script.
func (p *play) say(format string, args ...any) {
	p.script.WriteString("\n" + p.constant(fmt.Sprintf(format, args...)) + "\n")
}

func (p *play) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("%v\nso far:\n%s", err, p.script.String())
	}
}

// equal compares what was seen with what must be.
func (p *play) equal(what string, want, got any) {
	p.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		p.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// text shows records in the script.
func (p *play) text(all []*kgo.Record) {
	var b strings.Builder
	records.Text{Prefixes: []string{p.prefix}, Partition: len(all) > 0 && all[0].Topic == p.topic("three")}.Write(&b, all)
	p.script.WriteString(p.constant(b.String()))
}

// stored takes the records that are stored on topic by now, which must be n.
func (p *play) stored(topic string, n int) []*kgo.Record {
	p.Helper()
	all, err := p.tape.stored(p.ctx, topic)
	p.must(err)
	if len(all) != n {
		p.text(all)
		p.Fatalf("%d records were written to %s, want %d:\n%s", len(all), p.constant(topic), n, p.script.String())
	}
	p.text(all)
	return all
}

// next waits for n records on topic and shows them.
func (p *play) next(topic string, n int) []*kgo.Record {
	p.Helper()
	all, err := p.tape.next(p.ctx, topic, n)
	p.must(err)
	p.text(all)
	return all
}

// forget takes what is stored on topic without looking at it.
func (p *play) forget(topics ...string) {
	p.Helper()
	for _, topic := range topics {
		_, err := p.tape.stored(p.ctx, topic)
		p.must(err)
	}
}

// nestDoes begins a call of the NestJS client with the value of an expression.
func (p *play) nestDoes(op, pattern, js string) *peer.Call {
	p.Helper()
	p.say("NestJS %ss %s to %s", op, js, pattern)
	call, err := p.nest.Client.Do(map[string]any{
		"op": op, "pattern": pattern, "js": js, "timeout": patience.Milliseconds(),
	})
	p.must(err)
	return call
}

// nestEnds waits for the end of a call that shall go well.
func (p *play) nestEnds(call *peer.Call) peer.Outcome {
	p.Helper()
	outcome, err := call.End(p.ctx)
	p.must(err)
	if outcome.Err != nil {
		p.Fatalf("the call of NestJS failed: %s", outcome.Err)
	}
	return outcome
}

// nestGets checks what the callbacks of a call of NestJS get: values, and how it
// ends: "complete", or JSON of the error.
func (p *play) nestGets(call *peer.Call, end string, values ...string) {
	p.Helper()
	outcome, err := call.End(p.ctx)
	p.must(err)
	var got []string
	for _, v := range outcome.Values {
		got = append(got, string(v))
		p.say("NestJS gets %s", v)
	}
	gotEnd := "complete"
	if outcome.Err != nil {
		gotEnd = p.constant(string(outcome.Err))
	}
	p.say("NestJS's call ends: %s", gotEnd)
	p.equal("values of the NestJS client", values, got)
	p.equal("the end of the NestJS client's call", end, gotEnd)
}

// nestReads checks what a handler of NestJS gets: JSON of its payload.
func (p *play) nestReads(payload string) peer.Note {
	p.Helper()
	note := p.note()
	p.equal("payload of the NestJS handler", payload, string(note.Payload))
	return note
}

// note waits for a handler of NestJS to get a record.
func (p *play) note() peer.Note {
	p.Helper()
	note, err := p.nest.Server.Note(p.ctx)
	p.must(err)
	p.noted(note)
	return note
}

func (p *play) noted(n peer.Note) {
	headers := map[string]json.RawMessage{}
	p.must(json.Unmarshal(n.Headers, &headers))
	for _, name := range []string{records.CorrelationID, records.ReplyTopic, "kafka_replyPartition", records.Timeout} {
		delete(headers, name)
	}
	rest, err := json.Marshal(headers)
	p.must(err)
	p.say("NestJS reads %s, key %s, headers %s", n.Payload, n.Key, rest)
}

// siskinReads checks what a handler of Siskin gets.
func (p *play) siskinReads(want any) delivered {
	p.Helper()
	d := p.seenBySiskin()
	p.equal("value of the Siskin handler", want, d.value)
	return d
}

func (p *play) seenBySiskin() delivered {
	p.Helper()
	select {
	case d := <-p.seen:
		p.say("Siskin reads %s at %s", show(d.value), d.topic)
		return d
	case <-p.ctx.Done():
		p.Fatalf("no handler of Siskin got anything; so far:\n%s", p.script.String())
		return delivered{}
	}
}

// siskinSends makes a call to a pattern and returns the value and error of it.
func (p *play) siskinSends(into typed, pattern string, v any, opts ...siskin.CallOption) (any, error) {
	p.Helper()
	return into.send(p.ctx, p.client, p.topic(pattern), v, opts)
}

// siskinEmits sends an event.
func (p *play) siskinEmits(pattern string, v any, opts ...siskin.CallOption) siskin.RecordMetadata {
	p.Helper()
	meta, err := p.client.Emit(p.ctx, p.topic(pattern), v, opts...)
	p.must(err)
	return meta
}

// js is the header that says what a handler of NestJS does.
func js(body string) siskin.CallOption { return siskin.WithHeader("js", body) }

// siskinFails checks the error of a call.
func (p *play) siskinFails(err error, want siskin.Error) {
	p.Helper()
	got, ok := errors.AsType[*siskin.Error](err)
	if !ok {
		p.Fatalf("the call of Siskin ended with %v, want an error of the peer", err)
	}
	p.say("Siskin's call fails: code %s, message %q, details %s", got.Code, got.Message, got.Details)
	p.equal("error of Siskin's call", told(&want), told(got))
	p.equal("it is of the peer", true, got.Remote)
}

// told is what an error says.
func told(e *siskin.Error) []string { return []string{string(e.Code), e.Message, string(e.Details)} }

// tells waits for an event of the Siskin service about a record.
func tells[E events.Event](p *play, at *kgo.Record, position func(E) events.Position) E {
	p.Helper()
	for {
		select {
		case e := <-p.events:
			if e, ok := e.(E); ok && position(e) == (events.Position{Topic: at.Topic, Partition: at.Partition, Offset: at.Offset}) {
				return e
			}
		case <-p.ctx.Done():
			p.Fatalf("the Siskin service does not tell what became of %s@%d; so far:\n%s", at.Topic, at.Offset, p.script.String())
		}
	}
}

// siskinHas waits until the Siskin service has done with a record.
func (p *play) siskinHas(at *kgo.Record, kind, how string) {
	p.Helper()
	e := tells(p, at, func(e events.Handled) events.Position { return e.Position })
	p.say("for Siskin it was: %s, %s", e.Kind, e.Outcome)
	p.equal("kind and outcome of the record", []string{kind, how}, []string{e.Kind, e.Outcome})
}

// siskinLoses waits for the event that says why no reply went out.
func (p *play) siskinLoses(at *kgo.Record, why string) {
	p.Helper()
	lost := tells(p, at, func(e events.ReplyLost) events.Position { return e.Position })
	p.errorHas(lost.Err, why)
	p.say("Siskin tells: %s: %v", lost.Message(), lost.Err)
}

// show64 is JSON of a Buffer as the programs print it.
func show64(bytes string) string {
	return fmt.Sprintf(`{"$base64":%q}`, base64.StdEncoding.EncodeToString([]byte(bytes)))
}

// field is JSON of one property of a JSON object.
func field(p *play, object json.RawMessage, name string) string {
	p.Helper()
	var fields map[string]json.RawMessage
	p.must(json.Unmarshal(object, &fields))
	return string(fields[name])
}

// nestLogs waits for an error in NestJS's log.
func (p *play) nestLogs(part string) {
	p.Helper()
	text, err := p.nest.Logged(p.ctx, part)
	p.must(err)
	if strings.HasPrefix(text, "unhandled: ") {
		p.say("NestJS fails with %s, which nothing handles: its process would end", part)
		return
	}
	p.say("NestJS logs %s", part)
}

// userHeaders are the headers that a NestJS handler got, as JSON without those of
// a request.
func userHeaders(p *play, headers json.RawMessage) string {
	p.Helper()
	var b strings.Builder
	var fields map[string]json.RawMessage
	p.must(json.Unmarshal(headers, &fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(name, "kafka_") && !strings.HasPrefix(name, "siskin-") {
			fmt.Fprintf(&b, ",%q:%s", name, fields[name])
		}
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

// anyNote waits for a handler of NestJS to get a record that does not matter.
func (p *play) anyNote() {
	p.Helper()
	_, err := p.nest.Server.Note(p.ctx)
	p.must(err)
}

func (p *play) errorHas(err error, part string) {
	p.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		p.Errorf("got the error %v, want one with %q", err, part)
	}
}
