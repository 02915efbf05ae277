package faults_test

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// inbox is a request topic that the test itself answers.
type inbox struct {
	x     *exam
	topic string
	came  chan *kgo.Record
}

// inbox makes a request topic and its reply topic. Requests are read until the
// check ends.
func (x *exam) inbox(replyPartitions int32) *inbox {
	x.Helper()
	topic, _ := x.asks(replyPartitions)
	in := &inbox{x: x, topic: topic, came: make(chan *kgo.Record, 1000)}
	reader, err := kgo.NewClient(kgo.SeedBrokers(x.addrs...), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{in.topic: {0: kgo.NewOffset().At(0)}}))
	x.must(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for x.ctx.Err() == nil {
			reader.PollFetches(x.ctx).EachRecord(func(r *kgo.Record) { in.came <- r })
		}
	}()
	x.Cleanup(func() {
		<-done // the context of the check has ended by now
		reader.Close()
	})
	return in
}

// next waits for a request.
func (in *inbox) next() *kgo.Record {
	in.x.Helper()
	select {
	case r := <-in.came:
		return r
	case <-in.x.ctx.Done():
		in.x.Fatal("no request came")
		return nil
	}
}

// answer sends a reply to where the request says.
func (in *inbox) answer(request *kgo.Record, value []byte, headers ...kgo.RecordHeader) {
	in.x.Helper()
	in.x.put(in.reply(request, value, headers...))
}

// reply is the record of an answer.
func (in *inbox) reply(request *kgo.Record, value []byte, headers ...kgo.RecordHeader) *kgo.Record {
	id, _ := last(request, correlationID)
	to, _ := last(request, replyTopic)
	return &kgo.Record{
		Topic: string(to), Partition: partitionOf(request), Value: value,
		Headers: append([]kgo.RecordHeader{{Key: correlationID, Value: id}}, headers...),
	}
}

func partitionOf(request *kgo.Record) int32 {
	text, _ := last(request, replyPartition)
	n, _ := strconv.Atoi(string(text))
	return int32(n)
}

var end = kgo.RecordHeader{Key: nestDisposed, Value: []byte{0}}

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
