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

// serve answers all requests until the check ends.
func (in *inbox) serve() {
	in.x.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case r := <-in.came:
				in.x.kafka.Produce(in.x.ctx, in.reply(r, []byte("7"), end), nil)
			case <-in.x.ctx.Done():
				return
			}
		}
	}()
	in.x.Cleanup(func() { <-done })
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

// secondClient has two clients of one group and a reply topic of one partition.
func secondClient(x *exam) error {
	in := x.inbox(1)
	in.serve()
	group := x.unique("group")
	var clients []client
	for range 2 {
		clients = append(clients, x.subject.client(x, calling{group: group, patterns: []string{in.topic}}))
	}
	const calls = 5
	for _, c := range clients {
		failed := 0
		var err error
		for range calls {
			if e := x.ended(c, c.begin(in.topic, "x", "any")).answered(); e != nil {
				failed, err = failed+1, e
			}
		}
		if err != nil {
			return fmt.Errorf("%d of %d calls of one client fail: %w", failed, calls, err)
		}
	}
	return nil
}

// sharedGroup has two clients of one group with different patterns.
func sharedGroup(x *exam) error {
	group := x.unique("group")
	var clients []client
	var inboxes []*inbox
	for range 2 {
		in := x.inbox(1)
		in.serve()
		inboxes = append(inboxes, in)
		clients = append(clients, x.subject.client(x, calling{group: group, patterns: []string{in.topic}}))
	}
	for i, c := range clients {
		if err := x.ended(c, c.begin(inboxes[i].topic, "x", "any")).answered(); err != nil {
			return fmt.Errorf("one of the two: %w", err)
		}
	}
	return nil
}

// neighbour leaves a client whose call is under way, and a third one comes.
func neighbour(x *exam) error {
	in := x.inbox(2)
	group := x.unique("group")
	start := func() client {
		return x.subject.client(x, calling{group: group, patterns: []string{in.topic}})
	}
	leaver, stayer := start(), start()
	// With two members each has one partition.
	if probe(x, in, leaver) == 1 {
		leaver, stayer = stayer, leaver
	}
	call := stayer.begin(in.topic, "held", "any")
	held := in.next()
	leaver.close()
	x.alone(group + "-client")
	third := start()
	probe(x, in, third)
	in.answer(held, []byte("7"), end)
	// Later replies to the one that stays are read later.
	probe(x, in, stayer)
	entries, _ := stayer.log().now()
	if position(entries, func(e entry) bool { return e.Call == call }) < 0 {
		return errors.New("the reply goes to the newcomer, and the call waits for ever")
	}
	return x.ended(stayer, call).answered()
}

// probe makes one call that is answered and returns where its reply went. A
// group that is being rebalanced has no place for replies; then it asks again.
func probe(x *exam, in *inbox, c client) (partition int32) {
	x.Helper()
	x.must(poll(x.ctx, func() (bool, error) {
		call := c.begin(in.topic, "probe", "any")
		for {
			entries, changed := c.log().now()
			if position(entries, func(e entry) bool { return e.Call == call && e.Did == "error" }) >= 0 {
				return false, nil
			}
			if position(entries, func(e entry) bool { return e.Call == call && e.Did == "complete" }) >= 0 {
				return true, nil
			}
			select {
			case r := <-in.came:
				partition = partitionOf(r)
				in.answer(r, []byte("7"), end)
			case <-changed:
			case <-x.ctx.Done():
				return false, x.ctx.Err()
			}
		}
	}))
	return partition
}

// idleMember looks whether a client that only emits is a member of a group.
func idleMember(x *exam) error {
	group := x.unique("idle")
	x.subject.client(x, calling{group: group})
	if len(x.members(group+"-client")) > 0 {
		return errors.New("it is a member of a group without topics")
	}
	return nil
}

// restart kills a program that makes calls and starts another.
func restart(x *exam) error {
	in := x.inbox(1)
	in.serve()
	group := x.unique("group")
	kill := x.subject.program(x, in.topic, group)
	dead := x.members(group + "-client")
	kill()
	kill = x.subject.program(x, in.topic, group)
	defer kill()
	now := x.members(group + "-client")
	for _, m := range dead {
		if !slices.Contains(now, m) {
			return errors.New("the first call waits until the session of the dead program is over")
		}
	}
	return nil
}

// alone waits until a group, if there is one, has at most one member that knows
// what it has.
func (x *exam) alone(group string) {
	x.Helper()
	x.must(poll(x.ctx, func() (bool, error) {
		groups, err := x.plain.DescribeGroups(x.ctx, group)
		if err != nil {
			return false, err
		}
		g := groups[group]
		return len(g.Members) == 0 || len(g.Members) == 1 && g.State == "Stable", nil
	}))
}

func (x *exam) members(group string) (ids []string) {
	x.Helper()
	groups, err := x.plain.DescribeGroups(x.ctx, group)
	x.must(err)
	for _, m := range groups[group].Members {
		ids = append(ids, m.MemberID)
	}
	return ids
}
