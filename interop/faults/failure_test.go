package faults_test

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
)

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
