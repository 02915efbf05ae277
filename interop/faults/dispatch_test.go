package faults_test

import (
	"errors"
	"time"
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

// warm makes a group commit once. One that has not begins at the end again after
// a crash: see newGroup.
func (x *exam) warm(s server, topic string) {
	x.Helper()
	first := x.event(topic, 0, job{N: 1000})
	x.commits(s.group(), topic, 0, first.Offset+1)
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
	before := x.committed(made.group(), asks, 0)
	x.silent(to)
	if before > request.Offset {
		return errors.New("the request is committed, and its reply is not sent yet")
	}
	made.release()
	x.commits(made.group(), asks, 0, request.Offset+1)
	return nil
}

// outage breaks the connection for replies for longer than kafkajs tries, which
// is nine seconds, and shorter than callers wait.
func outage(x *exam) error {
	asks, to := x.asks(1)
	made := x.started(serving{handlers: []handler{{Topic: asks, Kind: requests, Does: "work"}}})
	made.cut()
	request := x.ask(asks, to, job{N: 1}.json())
	x.happens(made.log(), "the end of the handler", did("end", 1))
	over := time.NewTimer(15 * time.Second)
	defer over.Stop()
	select {
	case <-over.C:
	case <-x.ctx.Done():
		x.Fatal(x.ctx.Err())
	}
	x.silent(to)
	made.release()
	x.commits(made.group(), asks, 0, request.Offset+1)
	id, _ := last(x.ask(asks, to, job{N: 2}.json()), correlationID)
	x.arrives(to, id)
	id, _ = last(request, correlationID)
	replies, err := x.answers(to, id)
	x.must(err)
	_, err = one(replies)
	return err
}

// silent makes sure that no reply has come through a valve that is shut.
func (x *exam) silent(to string) {
	x.Helper()
	replies, err := x.broker.log(x.ctx, to)
	x.must(err)
	if len(replies) > 0 {
		x.Fatal("the valve does not hold what is produced")
	}
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
	x.arrives(to, id)
	note := x.event(notes, 0, job{N: 2})
	x.commits(made.group(), notes, 0, note.Offset+1)
	if x.committed(made.group(), asks, 0) > request.Offset {
		return errors.New("the request is committed, and its stream goes on")
	}
	made.open()
	x.commits(made.group(), asks, 0, request.Offset+1)
	return nil
}

// closing stops a server while it streams for five seconds.
func closing(x *exam) error {
	asks, to := x.asks(1)
	made := x.started(serving{handlers: []handler{{Topic: asks, Kind: requests, Does: "ticks"}}})
	id, _ := last(x.ask(asks, to, []byte("x")), correlationID)
	x.arrives(to, id)
	made.close()
	replies, err := x.answers(to, id)
	x.must(err)
	if _, ended := last(replies[len(replies)-1], nestDisposed); !ended || len(replies) < ticks {
		return errors.New("the rest of the stream is lost")
	}
	return nil
}
