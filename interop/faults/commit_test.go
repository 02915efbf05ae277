package faults_test

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

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
