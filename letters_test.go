package siskin_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// office is a topic of three partitions with a service that reads it, for tests that
// write to it as no well-behaved client does and look at its dead letters.
type office struct {
	*bundle
	topic  string
	client *kgo.Client
}

const officePartitions = 3

// open makes the topic, but not that of its dead letters.
func open(t *testing.T) *office {
	t.Helper()
	o := &office{bundle: setup(t), topic: siskintest.Name("poison")}
	o.cfg.Partitions = 1
	var err error
	if o.client, err = kgo.NewClient(kgo.SeedBrokers(o.cfg.Brokers...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.client.Close)
	o.make(o.topic)
	return o
}

// make makes a topic of three partitions.
func (o *office) make(topic string) {
	o.t.Helper()
	if err := testtopics.Create(o.ctx(), o.admin(), officePartitions, nil, topic); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) admin() *kadm.Client { return kadm.NewClient(o.client) }

// store writes a batch to partition 1 and returns its first offset.
func (o *office) store(batch hostile.Batch) int64 {
	o.t.Helper()
	offset, err := hostile.Store(o.ctx(), o.client, o.topic, 1, batch.Bytes())
	if err != nil {
		o.t.Fatal(err)
	}
	return offset
}

// letters reads the first n dead letters, in all partitions.
func (o *office) letters(n int) []*kgo.Record {
	o.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(o.cfg.Brokers...), kgo.ConsumeTopics(o.topic+"-dlt"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		o.t.Fatal(err)
	}
	defer reader.Close()
	var all []*kgo.Record
	for ctx := o.ctx(); len(all) < n; {
		if all = append(all, reader.PollFetches(ctx).Records()...); ctx.Err() != nil {
			o.t.Fatalf("%d of %d dead letters", len(all), n)
		}
	}
	return all
}

// passed waits until the service has committed an offset of partition 1.
func (o *office) passed(svc *siskin.Service, next int64) {
	o.t.Helper()
	eventually(o.t, "the commit", func() bool {
		for _, p := range svc.Info().Partitions {
			if p.Partition == 1 && p.Committed >= next {
				return true
			}
		}
		return false
	})
}

// number is a header's value of four or eight bytes.
func number(t *testing.T, r *kgo.Record, name string) int64 {
	t.Helper()
	value, _ := wire.Last(r.Headers, name)
	switch len(value) {
	case 4:
		return int64(binary.BigEndian.Uint32(value))
	case 8:
		return int64(binary.BigEndian.Uint64(value))
	}
	t.Fatalf("the header %s is %x", name, value)
	return 0
}

func text(r *kgo.Record, name string) string {
	value, _ := wire.Last(r.Headers, name)
	return string(value)
}

// bounded is a value with a rule of its own.
type bounded struct {
	Value int `json:"value"`
}

func (l bounded) Validate() error {
	if l.Value > 10 {
		return errors.New("too much")
	}
	return nil
}

// What no attempt can help goes to the dead letters at first sight, with its bytes,
// and to the partition that it came from. What is behind it is handled.
func TestPoisonIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	odd := []kgo.RecordHeader{{Key: "bytes", Value: []byte{0xff, 0xfe, 0}}, {Key: "null"}, {Key: "empty", Value: []byte{}}, {Key: "bytes", Value: []byte("again")}}
	asks := []kgo.RecordHeader{
		{Key: wire.CorrelationID, Value: []byte("id")},
		{Key: wire.ReplyTopic, Value: []byte("some.reply")},
		{Key: wire.ReplyPartition, Value: []byte{0xff, 1}},
	}
	for _, tt := range []struct {
		name    string
		rec     kgo.Record
		request bool
		kind    string
		message string
	}{
		{"a value that is no JSON", kgo.Record{Key: []byte{0xff, 0}, Value: []byte("{\xff"), Headers: odd}, false, "siskin.DecodeError", "decode"},
		{"a value of another type", kgo.Record{Value: []byte(`{"value":"text"}`)}, false, "siskin.DecodeError", "decode"},
		{"an empty value", kgo.Record{Key: []byte{}, Value: []byte{}}, false, "siskin.DecodeError", "decode"},
		{"a value against its rule", kgo.Record{Key: []byte("k"), Value: []byte(`{"value":11}`), Headers: odd}, false, "siskin.Error", "too much"},
		{"a header of a request", kgo.Record{Key: []byte("k"), Value: []byte(`{"value":1}`), Headers: asks}, true, "errors.errorString", wire.ReplyPartition},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			got := make(chan bounded, 10)
			svc := o.service()
			if tt.request {
				siskin.Handle(svc, o.topic, func(_ context.Context, l bounded) (bounded, error) { got <- l; return l, nil })
			} else {
				siskin.On(svc, o.topic, func(_ context.Context, l bounded) error { got <- l; return nil })
			}
			o.run(svc)
			at := o.store(hostile.Plain(&tt.rec))
			next := o.store(hostile.Plain(&kgo.Record{Key: tt.rec.Key, Value: []byte(`{"value":7}`)})) + 1
			if l := receive(t, got); l.Value != 7 {
				t.Errorf("the handler got %v, want what is behind the poison", l)
			}
			o.passed(svc, next)
			letter := o.letters(1)[0]
			if diff := cmp.Diff([][]byte{tt.rec.Key, tt.rec.Value}, [][]byte{letter.Key, letter.Value}); diff != "" {
				t.Errorf("key and value (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rec.Headers, letter.Headers[:len(tt.rec.Headers)]); len(tt.rec.Headers) > 0 && diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if letter.Partition != 1 || number(t, letter, wire.DeadPartition) != 1 || number(t, letter, wire.DeadOffset) != at || text(letter, wire.DeadTopic) != o.topic {
				t.Errorf("the letter is in partition %d, with %q; want it to be of offset %d", letter.Partition, letter.Headers, at)
			}
			if text(letter, wire.DeadErrorType) != tt.kind || !strings.Contains(text(letter, wire.DeadErrorMessage), tt.message) {
				t.Errorf("the error is %s: %s", text(letter, wire.DeadErrorType), text(letter, wire.DeadErrorMessage))
			}
			e := wait(t, o.watch, func(e events.Handled) bool { return e.Offset == at && e.Topic == o.topic })
			if e.Outcome != "dead-lettered" || e.Attempts > 1 {
				t.Errorf("%s after %d attempts", e.Outcome, e.Attempts)
			}
		})
	}
}

// A batch that cannot be read is kept whole, for events and for requests.
func TestUnreadableBatchIsKeptWhole(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Unreadable() {
		if siskintest.Real() && !c.Anywhere {
			continue // such a broker does not take it
		}
		for name, register := range map[string]func(*siskin.Service, string, chan string){
			"event": func(svc *siskin.Service, topic string, got chan string) {
				siskin.On(svc, topic, func(_ context.Context, s string) error { got <- s; return nil })
			},
			"request": func(svc *siskin.Service, topic string, got chan string) {
				siskin.Handle(svc, topic, func(_ context.Context, s string) (string, error) { got <- s; return s, nil })
			},
		} {
			t.Run(c.Name+" "+name, func(t *testing.T) {
				t.Parallel()
				o := open(t)
				got := make(chan string, 10)
				svc := o.service()
				register(svc, o.topic, got)
				o.run(svc)
				at := o.store(c.Batch)
				next := o.store(hostile.Plain(&kgo.Record{Value: []byte("good")})) + 1
				if s := receive(t, got); s != "good" {
					t.Errorf("the handler got %q", s)
				}
				o.passed(svc, next)
				letter := o.letters(1)[0]
				// What the broker writes into a batch is its offset and its epoch.
				if raw := c.Bytes(); len(letter.Value) != len(raw) || !bytes.Equal(letter.Value[16:], raw[16:]) {
					t.Errorf("%d bytes are kept, want the %d of the batch", len(letter.Value), len(raw))
				}
				if letter.Key != nil || letter.Partition != 1 || number(t, letter, wire.DeadOffset) != at ||
					text(letter, wire.DeadContent) != wire.DeadBatch || text(letter, wire.DeadCount) != string(rune('0'+c.Count)) {
					t.Errorf("the letter is in partition %d, with key %q and headers %q", letter.Partition, letter.Key, letter.Headers)
				}
				e := wait(t, o.watch, func(events.RecordsSkipped) bool { return true })
				if e.Stored != (events.Position{Topic: o.topic + "-dlt", Partition: 1, Offset: letter.Offset}) {
					t.Errorf("it is said to be stored at %+v", e.Stored)
				}
			})
		}
	}
}

// unreadable is a batch that every broker takes and no service can read.
func unreadable(t *testing.T) hostile.Batch {
	t.Helper()
	for _, c := range hostile.Unreadable() {
		if c.Anywhere {
			return c.Batch
		}
	}
	t.Fatal("there is none")
	panic("unreachable")
}

// Each handler that gives up leaves a letter, which says who it was. That of an
// expression has its name.
func TestLettersNameTheirHandlers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pattern func(topic string) string
		want    func(topic string) []string
	}{
		"a topic": {
			func(topic string) string { return topic },
			func(topic string) []string { return []string{topic + " 1", topic + "#3 2"} },
		},
		"an expression": {
			func(topic string) string { return "/^" + topic + "$/" },
			func(topic string) []string { return []string{"/^" + topic + "$/ 1", "/^" + topic + "$/#3 2"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.cfg.RetryAttempts, o.cfg.RetryInitial = 2, time.Millisecond
			svc := o.service()
			for _, err := range []error{siskin.DeadLetter(errors.New("never")), nil, errors.New("not yet")} {
				siskin.On(svc, tt.pattern(o.topic), func(context.Context, string) error { return err })
			}
			o.run(svc)
			o.store(hostile.Plain(&kgo.Record{Value: []byte(`"x"`)}))
			var got []string
			for _, letter := range o.letters(2) {
				got = append(got, text(letter, wire.DeadHandler)+" "+text(letter, wire.DeadAttempts))
			}
			if diff := cmp.Diff(tt.want(o.topic), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A record can be larger than what may be sent: compressed it was small enough.
func TestOversizedRecordIsPointedTo(t *testing.T) {
	t.Parallel()
	o := open(t)
	got := make(chan order, 1)
	svc := o.service()
	siskin.On(svc, o.topic, func(_ context.Context, v order) error { got <- v; return nil })
	o.run(svc)
	at := o.store(hostile.Plain(&kgo.Record{Key: []byte("k"), Value: bytes.Repeat([]byte("x"), 5<<20)}).Compressed(1))
	next := o.store(hostile.Plain(&kgo.Record{Value: []byte(`{"value":7}`)})) + 1
	if v := receive(t, got); v.Value != 7 {
		t.Errorf("the handler got %+v", v)
	}
	o.passed(svc, next)
	letter := o.letters(1)[0]
	if letter.Key != nil || letter.Value != nil || text(letter, wire.DeadContent) != wire.DeadPointer ||
		letter.Partition != 1 || number(t, letter, wire.DeadOffset) != at {
		t.Errorf("the letter is in partition %d, with %d bytes and headers %q", letter.Partition, len(letter.Value), letter.Headers)
	}
}

func TestPanicIsKeptWithItsStack(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.cfg.RetryAttempts = 2
	svc := o.service()
	siskin.On(svc, o.topic, func(context.Context, string) error { panic(errors.New("no stock")) })
	o.run(svc)
	o.store(hostile.Plain(&kgo.Record{Value: []byte("x")}))
	letter := o.letters(1)[0]
	if text(letter, wire.DeadErrorType) != "outcome.Panic" || text(letter, wire.DeadErrorCause) != "errors.errorString" ||
		text(letter, wire.DeadErrorMessage) != "panic: no stock" ||
		!strings.Contains(text(letter, wire.DeadErrorStack), "TestPanicIsKeptWithItsStack") {
		t.Errorf("headers %q", letter.Headers)
	}
}

// Dead letters get as many partitions as the topic that they come from, whatever
// Config.Partitions says.
func TestDeadLetterTopicIsLikeItsSource(t *testing.T) {
	t.Parallel()
	o := open(t)
	svc := o.service()
	siskin.On(svc, o.topic, func(context.Context, string) error { return nil })
	o.run(svc)
	if err := testtopics.Await(o.ctx(), o.admin(), officePartitions, o.topic+"-dlt"); err != nil {
		t.Error(err)
	}
}

// Nobody has asked for dead letters of requests. Where they cannot be stored, they
// hold up nothing.
func TestRequestsNeedNoDeadLetterTopic(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"verify", "wait"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.cfg.Topics = policy
			got := make(chan string, 1)
			svc := o.service()
			siskin.Handle(svc, o.topic, func(_ context.Context, s string) (string, error) { got <- s; return s, nil })
			o.run(svc)
			at := o.store(unreadable(t))
			bad := o.store(hostile.Plain(&kgo.Record{Headers: []kgo.RecordHeader{
				{Key: wire.CorrelationID, Value: []byte("id")},
				{Key: wire.ReplyTopic, Value: []byte("some.reply")},
				{Key: wire.ReplyPartition, Value: []byte("x")},
			}}))
			next := o.store(hostile.Plain(&kgo.Record{Value: []byte("good")})) + 1
			receive(t, got)
			o.passed(svc, next)
			e := wait(t, o.watch, func(events.RecordsSkipped) bool { return true })
			if e.Offset != at || e.Stored.Topic != "" || !strings.Contains(e.Err.Error(), o.topic+"-dlt") {
				t.Errorf("event %+v, want one that says why it is not stored", e)
			}
			h := wait(t, o.watch, func(e events.Handled) bool { return e.Offset == bad && e.Topic == o.topic })
			if h.Outcome != "dropped" || !strings.Contains(h.Err.Error(), o.topic+"-dlt") {
				t.Errorf("event %+v, want one that says why it is not stored", h)
			}
		})
	}
}

// While the broker does not take a dead letter it is tried again, what is behind it
// goes on, and nothing is committed past it.
func TestUnreadableBatchWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	o := open(t)
	letters := o.topic + "-dlt"
	o.make(letters)
	o.cfg.Topics = "verify"
	got := make(chan string, 10)
	svc := o.service()
	siskin.On(svc, o.topic, func(_ context.Context, s string) error { got <- s; return nil })
	o.run(svc)
	if _, err := o.admin().DeleteTopic(o.ctx(), letters); err != nil {
		t.Fatal(err)
	}
	at := o.store(unreadable(t))
	next := o.store(hostile.Plain(&kgo.Record{Value: []byte("good")})) + 1
	receive(t, got)
	failed := wait(t, o.watch, func(events.PublishFailed) bool { return true })
	if failed.To != letters || failed.Offset != at || failed.Partition != 1 {
		t.Errorf("event %+v, want one for offset %d", failed, at)
	}
	for _, p := range svc.Info().Partitions {
		if p.Partition == 1 && (p.Position > at || p.Oldest != at) {
			t.Errorf("the partition is %+v, want it to stand at %d", p, at)
		}
	}
	o.make(letters)
	o.passed(svc, next)
	if letter := o.letters(1)[0]; number(t, letter, wire.DeadOffset) != at {
		t.Errorf("the letter is of offset %d, want %d", number(t, letter, wire.DeadOffset), at)
	}
}
