package conformance_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/siskin-go/siskin/interop/records"
	"github.com/twmb/franz-go/pkg/kgo"
)

// edge is a request with odd headers: what each side does with it (section 11).
type edge struct {
	id, rule, differs string
	correlationID     []string // each a header
	partition         []string // each a header; none where nil
	nest              []string // the correlation ids of NestJS's replies; nil: none at all
	nestAt            int32    // their partition, or anyPartition
	nestLogs          string
	siskin            []string
	siskinAt          int32
	siskinLoses       string // why Siskin does not run it
}

const anyPartition = -1

func (e edge) scene() scene {
	return scene{id: e.id, rule: e.rule, differs: e.differs, play: func(p *play) {
		headers := []kgo.RecordHeader{header(records.ReplyTopic, p.topic("three.reply"))}
		for _, id := range e.correlationID {
			headers = append(headers, header(records.CorrelationID, id))
		}
		for _, number := range e.partition {
			headers = append(headers, header(replyPartition, number))
		}
		e.atNest(p, headers)
		e.atSiskin(p, headers)
	}}
}

func (e edge) atNest(p *play, headers []kgo.RecordHeader) {
	p.request("run", []byte("x"), headers, header("js", "return 'answer'"))
	p.anyNote()
	if e.nestLogs != "" {
		p.nestLogs(e.nestLogs)
	}
	if e.nest != nil {
		e.answered(p, e.nest, e.nestAt)
	}
	p.sentinel("three.reply", 0)
}

func (e edge) answered(p *play, ids []string, at int32) {
	p.Helper()
	all, err := p.tape.next(p.ctx, p.topic("three.reply"), len(ids))
	p.must(err)
	if at == anyPartition {
		for _, r := range all {
			r.Partition = anyPartition // for the golden file
		}
	}
	p.text(all)
	for i, id := range ids {
		p.equal("correlation id of the reply", id, headerText(all[i], records.CorrelationID))
		p.equal("partition of the reply", at, all[i].Partition)
		p.value("answer", all[i:])
	}
}

func (e edge) atSiskin(p *play, headers []kgo.RecordHeader) {
	p.does(returns("answer"))
	at := p.request("go.run", []byte("x"), headers)
	if e.siskinLoses != "" {
		p.siskinLoses(at, e.siskinLoses)
		p.siskinHas(at, "request", "dead-lettered")
		p.stored(p.topic("three.reply"), 0)
		return
	}
	p.siskinReads("x")
	if e.siskin == nil {
		p.siskinHas(at, "event", "done")
		p.stored(p.topic("three.reply"), 0)
		return
	}
	e.answered(p, e.siskin, e.siskinAt)
	p.siskinHas(at, "request", "replied")
}

func headerScenes() []scene {
	var all []scene
	for _, e := range edges() {
		all = append(all, e.scene())
	}
	return append(all, missingPartition(), missingReplyTopic())
}

func edges() []edge {
	one := []string{"id"}
	dropped := func(id, partition string) edge {
		return edge{
			id:            "11.partition-" + id,
			rule:          fmt.Sprintf("reply partition %q: the handler runs, and the reply is dropped without a word", partition),
			differs:       "Siskin does not run the request, and tells of a lost reply that names the header",
			correlationID: one, partition: []string{partition}, siskinLoses: "is not a partition number",
		}
	}
	oddID := func(id, rule, value string, nest []string, differs string) edge {
		return edge{
			id: "11.id-" + id, rule: rule, differs: differs, correlationID: []string{value}, partition: []string{"0"},
			nest: nest, siskin: []string{value},
		}
	}
	object := oddID("object", "a correlation id that is a JSON object: no reply", `{"a":1}`, nil, "Siskin gives every id back byte for byte")
	object.nestLogs = "first argument must be of type string"
	return []edge{
		{
			id: "11.partition-none", rule: "without a reply partition a reply goes to any", correlationID: one,
			nest: one, nestAt: anyPartition, siskin: one, siskinAt: anyPartition,
		},
		{
			id: "11.partition-1", rule: "a reply partition is decimal text", correlationID: one, partition: []string{"1"},
			nest: one, nestAt: 1, siskin: one, siskinAt: 1,
		},
		{
			id: "11.partition-1x", rule: `reply partition "1x" is read as 1`, differs: "Siskin does not run the request, and names the header",
			correlationID: one, partition: []string{"1x"}, nest: one, nestAt: 1, siskinLoses: "is not a partition number",
		},
		{
			id: "11.partition-fraction", rule: `reply partition "1.0" is read as 1`, differs: "Siskin does not run the request, and names the header",
			correlationID: one, partition: []string{"1.0"}, nest: one, nestAt: 1, siskinLoses: "is not a partition number",
		},
		dropped("abc", "abc"),
		dropped("empty", ""),
		dropped("spring", "\x00\x00\x00\x01"),
		{
			id: "11.partition-twice", rule: `a reply partition that comes twice is read as "1,2", which is 1`,
			differs: "for Siskin the last one counts", correlationID: one, partition: []string{"1", "2"},
			nest: one, nestAt: 1, siskin: one, siskinAt: 2,
		},
		oddID("binary", "a correlation id that begins with a zero byte comes back as it is", "\x00\xff\x01", []string{"\x00\xff\x01"}, ""),
		oddID("no-utf8", "a correlation id that is no UTF-8, as Spring's, is damaged", "\xff\xfe\x01", []string{"��\x01"},
			"Siskin gives every id back byte for byte"),
		oddID("array", "a correlation id that is a JSON array comes back as bytes", "[1,2]", []string{"\x01\x02"},
			"Siskin gives every id back byte for byte"),
		object,
		{
			id: "11.id-twice", rule: "a correlation id that comes twice comes back joined with a comma", differs: "for Siskin the last one counts",
			correlationID: []string{"x", "y"}, partition: []string{"0"}, nest: []string{"x,y"}, siskin: []string{"y"},
		},
		{
			id: "11.id-empty", rule: "a request with an empty correlation id is an event",
			correlationID: []string{""}, partition: []string{"0"},
		},
	}
}

func missingPartition() scene {
	return scene{
		id: "11.partition-99", rule: "a reply partition that does not exist: the reply is dropped without a word",
		differs: "Siskin looks for it for a while, and tells of a lost reply", play: func(p *play) {
			headers := p.asks("id", "three.reply")
			headers[2] = header(replyPartition, "99")
			p.request("run", []byte("x"), headers, header("js", "return 'answer'"))
			p.anyNote()
			p.sentinel("three.reply", 0)

			p.does(returns("answer"))
			at := p.request("go.run", []byte("x"), headers)
			p.siskinReads("x")
			p.siskinLoses(at, "")
			p.siskinHas(at, "request", "dropped")
			p.stored(p.topic("three.reply"), 0)
		},
	}
}

func missingReplyTopic() scene {
	return scene{
		id: "11.no-such-topic", rule: "a reply topic that does not exist is made, where the broker allows that",
		differs: "Siskin makes no topic that a stranger names: it tells of a lost reply", play: func(p *play) {
			p.request("run", []byte("x"), p.asks("id", "made.reply"), header("js", "return 'answer'"))
			p.anyNote()
			p.value("answer", p.waitFor(p.topic("made.reply")))

			p.does(returns("answer"))
			at := p.request("go.run", []byte("x"), p.asks("id", "nobody.reply"))
			p.siskinReads("x")
			p.siskinLoses(at, "")
			p.siskinHas(at, "request", "dropped")
			topics, err := p.tape.admin.ListTopics(p.ctx, p.topic("nobody.reply"))
			p.must(err)
			p.equal("the topic exists", false, topics.Has(p.topic("nobody.reply")))
		},
	}
}

// waitFor returns the first records of a topic that need not exist yet.
func (p *play) waitFor(topic string) []*kgo.Record {
	p.Helper()
	all := p.recordsUpTo(topic, func(*kgo.Record) bool { return true })
	p.text(all)
	return all
}

// recordsUpTo reads a topic, which need not exist yet, from its start up to a
// record that is the last one of interest. One fetch is not enough for that: the
// first one can be of some of the partitions only.
func (p *play) recordsUpTo(topic string, last func(*kgo.Record) bool) []*kgo.Record {
	p.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(p.cfg.Brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.UnknownTopicRetries(-1),
	)
	p.must(err)
	defer client.Close()
	var all []*kgo.Record
	for !slices.ContainsFunc(all, last) {
		fetches := client.PollFetches(p.ctx)
		p.must(fetches.Err())
		all = append(all, fetches.Records()...)
	}
	return all
}
