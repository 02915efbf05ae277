package faults_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// calls starts a client of its own for a check.
func (x *exam) calls(patterns ...string) client {
	x.Helper()
	return x.subject.client(x, calling{group: x.unique("group"), patterns: patterns})
}

// replied makes one call that is answered with the records, and compares the
// values that its caller gets.
func replied(answer string, records []kgo.Record, want ...string) func(*exam) error {
	return func(x *exam) error {
		in := x.inbox(1)
		c := x.calls(in.topic)
		call := c.begin(in.topic, "x", answer)
		request := in.next()
		for _, r := range records {
			in.answer(request, r.Value, r.Headers...)
		}
		o := x.ended(c, call)
		if o.failed || o.crash {
			return o.answered()
		}
		if !slices.Equal(o.values, want) {
			return fmt.Errorf("the caller gets %v", o.values)
		}
		return nil
	}
}

// realError looks at what kind of value an error is.
func realError(x *exam) error {
	in := x.inbox(1)
	c := x.calls(in.topic)
	call := c.begin(in.topic, "x", "any")
	in.answer(in.next(), nil, header(nestError, `{"status":"error","message":"msg"}`), end)
	o := x.ended(c, call)
	if !o.failed {
		return errors.New("the caller gets no error")
	}
	if !o.real {
		return errors.New("the caller gets an object that is no Error")
	}
	return nil
}

// brokenReply puts a record on the reply topic before the answer.
func brokenReply(broken func(x *exam, topic string)) func(*exam) error {
	return func(x *exam) error {
		in := x.inbox(1)
		c := x.calls(in.topic)
		call := c.begin(in.topic, "x", "any")
		request := in.next()
		broken(x, in.topic+".reply")
		in.answer(request, []byte("7"), end)
		return x.ended(c, call).answered()
	}
}

func nullID(x *exam, topic string) {
	x.put(&kgo.Record{Topic: topic, Headers: []kgo.RecordHeader{{Key: correlationID}}})
}

func snappyReply(x *exam, topic string) {
	x.compressed(&kgo.Record{
		Topic: topic, Value: padded(job{}), Headers: []kgo.RecordHeader{header(correlationID, "nobody")},
	})
}

// noServer calls a pattern that nobody serves, with the default settings.
func noServer(x *exam) error {
	topic, _ := x.asks(1)
	c := x.calls(topic)
	return x.fails(c, c.begin(topic, "x", "number"))
}

// fails waits for the error of a call. Only time can show that a call never ends;
// Siskin's defaults are half a minute.
func (x *exam) fails(c client, call int) error {
	x.Helper()
	bound := time.NewTimer(40 * time.Second)
	defer bound.Stop()
	for {
		entries, changed := c.log().now()
		if position(entries, func(e entry) bool { return e.Call == call && e.Did == "error" }) >= 0 {
			return nil
		}
		select {
		case <-changed:
		case <-bound.C:
			return errors.New("after 40 seconds the call still waits")
		}
	}
}

// silentStream has a stream that ends without saying so, as one does whose server
// is killed.
func silentStream(x *exam) error {
	in := x.inbox(1)
	c := x.calls(in.topic)
	call := c.begin(in.topic, "x", "any")
	in.answer(in.next(), []byte("7"))
	return x.fails(c, call)
}

// laterPattern calls a pattern that the client did not know when it started.
func laterPattern(x *exam) error {
	first, second := x.inbox(1), x.inbox(1)
	first.serve()
	second.serve()
	c := x.calls(first.topic)
	x.must(x.ended(c, c.begin(first.topic, "x", "any")).answered())
	c.learn(second.topic)
	return x.ended(c, c.begin(second.topic, "x", "any")).answered()
}
