package faults_test

import (
	"errors"
	"fmt"
	"strings"
)

// twice checks that two handlers of one topic are refused, or both called.
func twice(first, second kind) func(*exam) error {
	return func(x *exam) error {
		topic := x.topic("twice", 1)
		made := x.subject.serve(x, serving{group: x.unique("group"), handlers: []handler{
			{Topic: topic, Kind: first, Does: "work"}, {Topic: topic, Kind: second, Does: "work"},
		}})
		if why := made.refused(); why != "" {
			return names(why, topic)
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
	return names(made.refused(), "cmd")
}

// names checks that a refusal says what is wrong.
func names(why, what string) error {
	if !strings.Contains(why, what) {
		return errors.New("the error does not name it")
	}
	return nil
}
