package faults_test

import "errors"

// blocked has a handler that takes five seconds and an event on another topic.
func blocked(x *exam) error {
	slow, quick := x.topic("slow", 1), x.topic("quick", 1)
	made := x.started(serving{handlers: []handler{
		{Topic: slow, Kind: emitted, Does: "work"}, {Topic: quick, Kind: emitted, Does: "work"},
	}})
	x.event(slow, 0, job{N: 1, Ms: 5000})
	x.happens(made.log(), "the slow handler", did("start", 1))
	x.event(quick, 0, job{N: 2})
	if x.happens(made.log(), "an end", did("end")).N == 1 {
		return errors.New("the other topic waits for it")
	}
	return nil
}

// oneAtATime sends two requests to a handler that takes five seconds.
func oneAtATime(x *exam) error {
	topic, to := x.asks(1)
	made := x.started(serving{handlers: []handler{{Topic: topic, Kind: requests, Does: "work"}}})
	for n := 1; n <= 2; n++ {
		x.ask(topic, to, job{N: n, Ms: 5000}.json())
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
