package faults_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds what should happen soon. It is only used up by a failure of
// the test itself, and is more than NestJS takes for anything that it does do.
const patience = time.Minute

// Headers of section 2 of the protocol notes for NestJS.
const (
	correlationID  = "kafka_correlationId"
	replyTopic     = "kafka_replyTopic"
	replyPartition = "kafka_replyPartition"
	nestError      = "kafka_nest-err"
	nestDisposed   = "kafka_nest-is-disposed"
)

// exam is one check with one subject. What goes wrong in the test itself is
// fatal; what the subject does wrong is what the check returns.
type exam struct {
	*testing.T
	*broker
	subject subject
	shared  server // serves the behaviours of the quick checks
	ctx     context.Context
}

func (x *exam) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

// unique is a name of a topic or group that only this check uses.
func (x *exam) unique(base string) string { return siskintest.Name(x.prefix + base) }

// topic makes a topic.
func (x *exam) topic(base string, partitions int32) string {
	x.Helper()
	name := x.unique(base)
	x.must(x.makeTopic(x.ctx, name, partitions, nil))
	return name
}

// asks makes a request topic and the topic of its replies.
func (x *exam) asks(replyPartitions int32) (topic, replies string) {
	x.Helper()
	topic = x.topic("ask", 1)
	x.must(x.makeTopic(x.ctx, topic+".reply", replyPartitions, nil))
	return topic, topic + ".reply"
}

// put stores one record.
func (x *exam) put(rec *kgo.Record) *kgo.Record {
	x.Helper()
	stored, err := x.kafka.ProduceSync(x.ctx, rec).First()
	x.must(err)
	return stored
}

func (x *exam) event(topic string, partition int32, j job) *kgo.Record {
	x.Helper()
	return x.put(&kgo.Record{Topic: topic, Partition: partition, Value: j.json()})
}

func header(name, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: name, Value: []byte(value)}
}

// ask stores a request whose replies go to partition 0 of topic to. Later
// headers replace those of the same name.
func (x *exam) ask(topic, to string, value []byte, headers ...kgo.RecordHeader) *kgo.Record {
	x.Helper()
	rec := &kgo.Record{Topic: topic, Value: value}
	for _, h := range []kgo.RecordHeader{
		header(correlationID, siskintest.Name("ask")), header(replyTopic, to), header(replyPartition, "0"),
	} {
		if !slices.ContainsFunc(headers, func(o kgo.RecordHeader) bool { return o.Key == h.Key }) {
			rec.Headers = append(rec.Headers, h)
		}
	}
	rec.Headers = append(rec.Headers, headers...)
	return x.put(rec)
}

func last(rec *kgo.Record, name string) ([]byte, bool) {
	for _, h := range slices.Backward(rec.Headers) {
		if h.Key == name {
			return h.Value, true
		}
	}
	return nil, false
}

// settled waits until the server has committed the request and has answered
// another one that came later. Then every reply that will ever come is there.
func (x *exam) settled(s server, request *kgo.Record) {
	x.Helper()
	x.commits(s.group(), request.Topic, request.Partition, request.Offset+1)
	x.fence()
}

// commits waits until the group has committed an offset that is at least next.
func (x *exam) commits(group, topic string, partition int32, next int64) {
	x.Helper()
	at := int64(-1)
	err := poll(x.ctx, func() (bool, error) {
		at = x.committed(group, topic, partition)
		return at >= next, nil
	})
	if err != nil {
		x.Fatalf("group %s stands at %d of %s/%d, want %d: %v", group, at, topic, partition, next, err)
	}
}

// committed is -1 when nothing is.
func (x *exam) committed(group, topic string, partition int32) int64 {
	x.Helper()
	offsets, err := x.plain.FetchOffsets(x.ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1
	}
	x.must(err)
	if o, ok := offsets.Lookup(topic, partition); ok {
		return o.At
	}
	return -1
}

// fence makes the shared server answer one more request.
func (x *exam) fence() {
	x.Helper()
	to := x.prefix + quickReplies
	id, _ := last(x.ask(x.prefix+"echo", to, []byte("fence")), correlationID)
	x.arrives(to, id)
}

// arrives waits for a reply with the correlation id.
func (x *exam) arrives(to string, id []byte) {
	x.Helper()
	x.must(poll(x.ctx, func() (bool, error) {
		replies, err := x.answers(to, id)
		return len(replies) > 0, err
	}))
}

// answers are the replies with the correlation id that are stored.
func (x *exam) answers(to string, id []byte) ([]*kgo.Record, error) {
	records, err := x.broker.log(x.ctx, to)
	return slices.DeleteFunc(records, func(r *kgo.Record) bool {
		got, _ := last(r, correlationID)
		return !bytes.Equal(got, id)
	}), err
}

// until waits until the journal is as it should be and returns it.
func (x *exam) until(j *journal, what string, ok func([]entry) bool) []entry {
	x.Helper()
	for {
		entries, changed := j.now()
		if ok(entries) {
			return entries
		}
		if i := position(entries, did("failed")); i >= 0 {
			x.Fatalf("waiting for %s: it failed: %s", what, entries[i].Text)
		}
		select {
		case <-changed:
		case <-x.ctx.Done():
			x.Fatalf("waiting for %s: %v; so far: %+v", what, x.ctx.Err(), entries)
		}
	}
}

// happens waits for the first entry that fits one of several, and returns it.
func (x *exam) happens(j *journal, what string, fits ...func(entry) bool) (found entry) {
	x.Helper()
	x.until(j, what, func(entries []entry) bool {
		i := position(entries, func(e entry) bool {
			return slices.ContainsFunc(fits, func(f func(entry) bool) bool { return f(e) })
		})
		if i >= 0 {
			found = entries[i]
		}
		return i >= 0
	})
	return found
}

func quoted(s string) string { return strconv.Quote(strings.ToValidUTF8(s, "�")) }
