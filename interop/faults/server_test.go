package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// started starts a server of its own for a check, which must serve.
func (x *exam) started(s serving) server {
	x.Helper()
	s.group = x.unique("group")
	made := x.subject.serve(x, s)
	if why := made.refused(); why != "" {
		x.Fatalf("the server does not start: %s", why)
	}
	return made
}

// twice checks that two handlers of one topic are refused, or both called.
func twice(first, second kind) func(*exam) error {
	return func(x *exam) error {
		topic := x.topic("twice", 1)
		made := x.subject.serve(x, serving{group: x.unique("group"), handlers: []handler{
			{Topic: topic, Kind: first, Does: "work"}, {Topic: topic, Kind: second, Does: "work"},
		}})
		if made.refused() != "" {
			return nil
		}
		request := x.event(topic, 0, job{N: 1})
		x.commits(made.group(), topic, 0, request.Offset+1)
		entries, _ := made.log().now()
		for i, of := range []string{"first", "second"} {
			if count(entries, func(e entry) bool { return e.Did == "start" && e.Handler == i }) == 0 {
				return fmt.Errorf("both are taken, and the %s is never called", of)
			}
		}
		return nil
	}
}

// warm makes a group commit once. One that has not begins at the end again after
// a crash: see newGroup.
func (x *exam) warm(s server, topic string) {
	x.Helper()
	first := x.event(topic, 0, job{N: 1000})
	x.commits(s.group(), topic, 0, first.Offset+1)
}

// noHandlers starts a server that has nothing to do.
func noHandlers(x *exam) error {
	made := x.subject.serve(x, serving{group: x.unique("group")})
	if made.refused() == "" {
		return errors.New("it starts and joins its group")
	}
	return nil
}

// missingTopic starts a server on a topic that nobody has made.
func missingTopic(x *exam) error {
	made := x.subject.serve(x, serving{
		group: x.unique("group"), strict: true,
		handlers: []handler{{Topic: x.unique("missing"), Kind: emitted, Does: "work"}},
	})
	if why := made.refused(); why != "" {
		return fmt.Errorf("it does not start: %s", clean(why))
	}
	return nil
}

// objectPattern starts a server on a pattern that is no legal topic.
func objectPattern(x *exam) error {
	const pattern = `{"cmd":"x"}`
	made := x.subject.serve(x, serving{
		group: x.unique("group"), handlers: []handler{{Topic: pattern, Kind: requests, Does: "work"}},
	})
	if why := made.refused(); !strings.Contains(why, "cmd") {
		return errors.New("the error does not name it")
	}
	return nil
}

// brokenDecoder has a decoder that throws for one event.
func brokenDecoder(x *exam) error {
	topic := x.topic("decoder", 1)
	made := x.started(serving{throws: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.put(&kgo.Record{Topic: topic, Value: []byte(unreadable)})
	x.event(topic, 0, job{N: 2})
	if x.happens(made.log(), "the second event", did("end", 2), did("crashed")).Did == "crashed" {
		return errors.New("the consumer crashes, and does not come back")
	}
	return nil
}

// secondFails has two handlers of one event, of which the second fails once.
func secondFails(x *exam) error {
	topic := x.topic("pair", 1)
	made := x.started(serving{quick: true, handlers: []handler{
		{Topic: topic, Kind: emitted, Does: "work"}, {Topic: topic, Kind: emitted, Does: "fail-once"},
	}})
	x.event(topic, 0, job{N: 1})
	x.happens(made.log(), "the second attempt", func(e entry) bool { return e.Handler == 1 && e.Did == "end" })
	entries, _ := made.log().now()
	if n := count(entries, func(e entry) bool { return e.Handler == 0 && e.Did == "end" }); n > 1 {
		return errors.New("the handler that had done its work runs again")
	}
	return nil
}

// emptyStream has an event handler that ends without a value.
func emptyStream(x *exam) error {
	topic := x.topic("empty", 1)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "empty"}}})
	first := x.event(topic, 0, job{N: 1})
	var again bool
	x.must(poll(x.ctx, func() (bool, error) {
		entries, _ := made.log().now()
		again = count(entries, did("start")) > 1
		return again || x.committed(made.group(), topic, 0) > first.Offset, nil
	}))
	if again {
		return errors.New("the event is handled again")
	}
	return nil
}

// heldReply keeps back a reply, lets another partition commit, and looks at what
// is committed of the request.
func heldReply(x *exam) error {
	asks, to := x.asks(1)
	notes := x.topic("note", 1)
	made := x.started(serving{handlers: []handler{
		{Topic: asks, Kind: requests, Does: "work"}, {Topic: notes, Kind: emitted, Does: "work"},
	}})
	made.hold()
	defer made.release()
	request := x.ask(asks, to, job{N: 1}.json())
	x.happens(made.log(), "the end of the handler", did("end", 1))
	note := x.event(notes, 0, job{N: 2})
	x.commits(made.group(), notes, 0, note.Offset+1)
	if x.committed(made.group(), asks, 0) > request.Offset {
		return errors.New("the request is committed, and its reply is not sent yet")
	}
	made.release()
	x.commits(made.group(), asks, 0, request.Offset+1)
	return nil
}

// openStream looks at what is committed of a request whose stream goes on.
func openStream(x *exam) error {
	asks, to := x.asks(1)
	notes := x.topic("note", 1)
	made := x.started(serving{handlers: []handler{
		{Topic: asks, Kind: requests, Does: "gated-stream"}, {Topic: notes, Kind: emitted, Does: "work"},
	}})
	request := x.ask(asks, to, []byte("x"))
	id, _ := last(request, correlationID)
	x.must(poll(x.ctx, func() (bool, error) {
		replies, err := x.answers(to, id)
		return len(replies) > 0, err
	}))
	note := x.event(notes, 0, job{N: 2})
	x.commits(made.group(), notes, 0, note.Offset+1)
	if x.committed(made.group(), asks, 0) > request.Offset {
		return errors.New("the request is committed, and its stream goes on")
	}
	made.open()
	x.commits(made.group(), asks, 0, request.Offset+1)
	return nil
}

// closing stops a server while it streams sixty values for three seconds.
func closing(x *exam) error {
	asks, to := x.asks(1)
	made := x.started(serving{handlers: []handler{{Topic: asks, Kind: requests, Does: "ticks"}}})
	id, _ := last(x.ask(asks, to, []byte("x")), correlationID)
	x.must(poll(x.ctx, func() (bool, error) {
		replies, err := x.answers(to, id)
		return len(replies) > 0, err
	}))
	made.close()
	replies, err := x.answers(to, id)
	x.must(err)
	if _, ended := last(replies[len(replies)-1], nestDisposed); !ended || len(replies) < 60 {
		return errors.New("the rest of the stream is lost")
	}
	return nil
}

// laterTopic makes a topic that fits an expression, after the start.
func laterTopic(x *exam) error {
	of := x.unique("expression")
	early := of + ".early"
	x.must(x.makeTopic(x.ctx, early, 1, nil))
	made := x.started(serving{handlers: []handler{{Topic: "^" + of + `\.`, Kind: expression, Does: "ordered"}}})
	late := of + ".late"
	x.must(x.makeTopic(x.ctx, late, 1, nil))
	x.event(late, 0, job{N: 1})
	// Ten more seconds of other events, which are twenty times what Siskin
	// takes to look for topics.
	for n := range 10 {
		x.event(early, 0, job{N: 100 + n, Ms: 1000})
	}
	if x.happens(made.log(), "an event", did("end", 1), did("end", 109)).N != 1 {
		return errors.New("the topic is not found")
	}
	return nil
}

// global has an expression with the flag g. It skips a topic that is listed right
// behind another one that fits; brokers list topics in any order, so there are
// many.
func global(x *exam) error {
	const topics = 60
	of := x.unique("global")
	var names []string
	for n := range topics {
		names = append(names, fmt.Sprintf("%s.%d", of, n))
	}
	_, err := x.plain.CreateTopics(x.ctx, 1, 1, nil, names...)
	x.must(err)
	for _, name := range names {
		x.must(x.makeTopic(x.ctx, name, 1, nil)) // waits for its leader
	}
	fence := x.topic("fence", 1)
	made := x.started(serving{handlers: []handler{
		{Topic: "^" + of + `\.`, Kind: expression, Does: "work", Flags: "g"},
		{Topic: fence, Kind: emitted, Does: "work"},
	}})
	for n, name := range names {
		x.event(name, 0, job{N: n})
	}
	// The second is fetched later than all topics before.
	for n := 100; n < 102; n++ {
		x.event(fence, 0, job{N: n, Ms: 500})
		x.happens(made.log(), "the fence", did("end", n))
	}
	entries, _ := made.log().now()
	if count(entries, func(e entry) bool { return e.Did == "end" && e.N < topics }) < topics {
		return errors.New("not all topics are read")
	}
	return nil
}

// batch looks at what is committed while the last event of a batch is handled.
func batch(x *exam) error {
	const size = 10
	topic := x.topic("batch", 1)
	made := x.started(serving{handlers: []handler{{Topic: topic, Kind: emitted, Does: "ordered"}}})
	var records []*kgo.Record
	for n := range size {
		records = append(records, &kgo.Record{Topic: topic, Value: job{N: n, Ms: 200, Gated: n == size-1}.json()})
	}
	x.must(x.kafka.ProduceSync(x.ctx, records...).FirstErr())
	x.happens(made.log(), "the last event", did("start", size-1))
	defer made.open()
	if x.committed(made.group(), topic, 0) <= 0 {
		return fmt.Errorf("%d of %d events are handled, and none is committed", size-1, size)
	}
	return nil
}

// poison has an event that no attempt can handle.
func poison(x *exam) error {
	topic := x.topic("poison", 1)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.warm(made, topic)
	bad := x.event(topic, 0, job{N: 1, Bad: true})
	x.event(topic, 0, job{N: 2})
	// Both have three attempts; the next one comes after a crash.
	e := x.happens(made.log(), "the end of it",
		func(e entry) bool { return e.Did == "start" && e.N == 1 && e.Attempt > 3 }, did("end", 2))
	if e.N == 1 {
		return errors.New("it begins again after its last attempt, and nothing behind it is handled")
	}
	x.commits(made.group(), topic, 0, bad.Offset+1)
	return nil
}

// newGroup has an event that cannot be handled as the first one of a group.
func newGroup(x *exam) error {
	topic := x.topic("new", 1)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.event(topic, 0, job{N: 1, Bad: true})
	x.event(topic, 0, job{N: 2})
	x.happens(made.log(), "the end of the attempts", did("crashed"), did("end", 2))
	// The consumer comes back, if it was gone, at a time that nobody tells.
	var ended int
	x.must(poll(x.ctx, func() (bool, error) {
		x.event(topic, 0, job{N: 3})
		entries, _ := made.log().now()
		i := position(entries, did("end"))
		if i >= 0 {
			ended = entries[i].N
		}
		return i >= 0, nil
	}))
	if ended != 2 {
		return errors.New("the consumer begins again at the end, and what came behind it is lost")
	}
	return nil
}

// poisonStalls sends events to another partition, one after the other, between
// the first two attempts of a poisoned one.
func poisonStalls(x *exam) error {
	topic := x.topic("poison", 2)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.event(topic, 0, job{N: 1, Bad: true})
	second := func(e entry) bool { return e.Did == "start" && e.N == 1 && e.Attempt == 2 }
	x.happens(made.log(), "the first attempt", did("start", 1))
	for n := 2; n <= 4; n++ {
		x.event(topic, 1, job{N: n})
		if e := x.happens(made.log(), "the other partition", second, did("end", n)); e.N == 1 {
			return errors.New("the other partition waits for the next attempt")
		}
	}
	return nil
}

// blocked has a handler that takes two seconds and an event on another topic.
func blocked(x *exam) error {
	slow, quick := x.topic("slow", 1), x.topic("quick", 1)
	made := x.started(serving{handlers: []handler{
		{Topic: slow, Kind: emitted, Does: "work"}, {Topic: quick, Kind: emitted, Does: "work"},
	}})
	x.event(slow, 0, job{N: 1, Ms: 2000})
	x.happens(made.log(), "the slow handler", did("start", 1))
	x.event(quick, 0, job{N: 2})
	if x.happens(made.log(), "an end", did("end")).N == 1 {
		return errors.New("the other topic waits for it")
	}
	return nil
}

// oneAtATime sends two requests to a handler that takes two seconds.
func oneAtATime(x *exam) error {
	topic, to := x.asks(1)
	made := x.started(serving{handlers: []handler{{Topic: topic, Kind: requests, Does: "work"}}})
	for n := 1; n <= 2; n++ {
		x.ask(topic, to, job{N: n, Ms: 2000}.json())
	}
	x.happens(made.log(), "the second handler", did("start", 2))
	entries, _ := made.log().now()
	if position(entries, did("end")) >= 0 {
		return errors.New("the second waits for the first")
	}
	return nil
}

// long has a handler that takes longer than its member may be silent.
func long(x *exam) error {
	topic := x.topic("long", 1)
	made := x.started(serving{session: 6000, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.warm(made, topic)
	event := x.event(topic, 0, job{N: 1, Ms: 10_000})
	x.happens(made.log(), "the end of the handler", did("end", 1))
	again := false
	x.must(poll(x.ctx, func() (bool, error) {
		entries, _ := made.log().now()
		again = count(entries, did("start", 1)) > 1
		return again || x.committed(made.group(), topic, 0) > event.Offset, nil
	}))
	if again {
		return errors.New("it loses its partition, and the event is handled again")
	}
	return nil
}

// manual commits in the way of the public example and looks for the offset.
func manual(ofGroup bool) func(*exam) error {
	return func(x *exam) error {
		topic := x.topic("manual", 1)
		group := x.unique("group")
		made := x.subject.serve(x, serving{
			group: group, manual: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "commit"}},
		})
		for range 3 {
			x.event(topic, 0, job{})
		}
		x.until(made.log(), "three commits", func(entries []entry) bool { return count(entries, did("end")) == 3 })
		server := x.committed(made.group(), topic, 0)
		client := x.committed(group+"-client", topic, 0)
		if ofGroup && server < 3 {
			return fmt.Errorf("of 3, the server's group stands at %d and the client's at %d", server, client)
		}
		if !ofGroup && max(server, client) < 3 {
			return fmt.Errorf("after 3 records, the offset is %d", max(server, client))
		}
		return nil
	}
}

// snappy puts a compressed record before a plain one.
func snappy(x *exam) error {
	topic := x.topic("snappy", 1)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.compressed(&kgo.Record{Topic: topic, Value: padded(job{N: 1})})
	x.event(topic, 0, job{N: 2})
	if x.happens(made.log(), "the second event", did("end", 2), did("crashed")).Did == "crashed" {
		return errors.New("the consumer crashes, and does not come back")
	}
	return nil
}

// padded is a payload that is worth compressing.
func padded(j job) []byte {
	text, err := json.Marshal(struct {
		job
		Padding []int `json:"padding"`
	}{j, make([]int, 2000)})
	if err != nil {
		panic(err)
	}
	return text
}

// compressed stores a record with snappy, the default of many producers.
func (x *exam) compressed(rec *kgo.Record) {
	x.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(x.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	x.must(err)
	defer producer.Close()
	x.must(producer.ProduceSync(x.ctx, rec).FirstErr())
}
