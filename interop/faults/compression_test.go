package faults_test

import (
	"encoding/json"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
)

// snappy puts a compressed record before a plain one.
func snappy(x *exam) error {
	topic := x.topic("snappy", 1)
	made := x.started(serving{quick: true, handlers: []handler{{Topic: topic, Kind: emitted, Does: "work"}}})
	x.compressed(&kgo.Record{Topic: topic, Value: padded(job{N: 1})})
	x.event(topic, 0, job{N: 2})
	if x.happens(made.log(), "the second event", did("end", 2), did("crashed")).Did == "crashed" {
		return errors.New("the consumer crashes, and does not come back")
	}
	return nil
}

// padded is a payload that is worth compressing.
func padded(j job) []byte {
	text, err := json.Marshal(struct {
		job
		Padding []int `json:"padding"`
	}{j, make([]int, 2000)})
	if err != nil {
		panic(err)
	}
	return text
}

// compressed stores a record with snappy, the default of many producers.
func (x *exam) compressed(rec *kgo.Record) {
	x.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(x.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	x.must(err)
	defer producer.Close()
	x.must(producer.ProduceSync(x.ctx, rec).FirstErr())
}
