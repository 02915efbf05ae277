package status

import "fmt"

// Check judges a service. away is why no broker answers, or nil.
//
// A paused partition alone is no problem: it is how a service keeps its memory
// bounded. One that is paused behind a stuck record is.
func Check(s Service, away error) Health {
	h := Health{Service: s}
	problem := func(format string, args ...any) { h.Problems = append(h.Problems, fmt.Sprintf(format, args...)) }
	switch s.State {
	case Starting:
		problem("the service has not joined its consumer group %q yet", s.Group)
	case Outside:
		problem("the service has lost its place in the consumer group %q: %v", s.Group, s.Failure)
	case Stopping:
		problem("the service stops")
	case Ended:
		problem("the service has ended: it reads nothing any more")
	}
	if away != nil {
		problem("no Kafka broker answers: %v", away)
	}
	for _, topic := range s.Unread {
		problem("nobody in the consumer group %q reads the topic %s: a NestJS server that leads it does not", s.Group, topic)
	}
	for _, p := range s.Partitions {
		if !p.Stuck {
			continue
		}
		problem("the record %s/%d@%d holds up the commits of its partition", p.Topic, p.Partition, p.Oldest)
		if p.Paused {
			problem("%s/%d is not read any further until that record is finished", p.Topic, p.Partition)
		}
	}
	return h
}
