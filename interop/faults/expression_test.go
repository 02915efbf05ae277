package faults_test

import (
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/internal/testtopics"
)

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
	x.must(testtopics.Create(x.ctx, x.plain, 1, nil, names...))
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
