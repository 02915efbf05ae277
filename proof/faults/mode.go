package main

import (
	"time"

	"github.com/siskin-go/siskin"
)

// mode is a way to try a failed event again. Each has a topic of its own.
type mode struct {
	name    string
	ordered bool // later records of a key wait until an earlier one has its final outcome
	place   bool // all attempts are made by the member that has the partition
	options []siskin.HandlerOption
}

// topic of the events that are tried again in this way.
func (m mode) topic() string { return "events-" + m.name }

// How handlers are bounded and tried again. The delays are short so that five
// failures take less time than a run.
const (
	attempts     = 7
	handlerTime  = 50 * time.Millisecond
	retryFirst   = 5 * time.Millisecond
	retryLongest = 80 * time.Millisecond
)

var modes = []mode{
	{name: "place", ordered: true, place: true},
	{name: "topic", options: retried(false)},
	{name: "order", ordered: true, options: retried(true)},
}

// retried is a retry topic, with order kept or not.
func retried(keepOrder bool) []siskin.HandlerOption {
	return []siskin.HandlerOption{siskin.RetryTopic(siskin.Retry{
		Attempts: attempts, Initial: retryFirst, Longest: retryLongest, KeepOrder: keepOrder,
	})}
}

const requestTopic = "requests"

// modeOf finds the mode of a topic of events.
func modeOf(topic string) (mode, bool) {
	for _, m := range modes {
		if m.topic() == topic {
			return m, true
		}
	}
	return mode{}, false
}

// keepsOrder reports whether an event of the topic has one turn in a generation, also
// when a copy of it waits.
func keepsOrder(topic string) bool {
	m, ok := modeOf(topic)
	return ok && m.ordered
}

// sources are the topics that the services read.
func sources() []string {
	topics := []string{requestTopic}
	for _, m := range modes {
		topics = append(topics, m.topic())
	}
	return topics
}
