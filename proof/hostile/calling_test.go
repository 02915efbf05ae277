package hostile_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// calling is a client with room for one call, and a test in the place of its
// service. Another call finds that room only when the one before is forgotten.
type calling struct {
	*rig
	client   *siskin.Client
	topic    string
	requests *kgo.Client
}

func calls(tb testing.TB) *calling {
	tb.Helper()
	c := &calling{rig: newRig(tb)}
	c.cfg.MaxPending = 1
	c.topic = c.rig.topic(tb, "asked")
	c.topicNamed(tb, c.topic+wire.ReplySuffix)
	c.client = siskintest.Client(tb, c.cfg)
	var err error
	c.requests, err = kgo.NewClient(kgo.SeedBrokers(c.cfg.Brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.requests.Close)
	return c
}

// asked is a request as its service sees it.
type asked struct {
	id        []byte
	topic     string
	partition int32
}

func (c *calling) next(tb testing.TB) asked {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	records := c.requests.PollRecords(ctx, 1).Records()
	if len(records) != 1 {
		tb.Fatal("no request came")
	}
	headers := records[0].Headers
	id, _ := wire.Last(headers, wire.CorrelationID)
	topic, _ := wire.Last(headers, wire.ReplyTopic)
	number, _ := wire.Last(headers, wire.ReplyPartition)
	partition, err := strconv.ParseInt(string(number), 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	return asked{id, string(topic), int32(partition)}
}

// result is how a call ended. A stream has all its values.
type result struct {
	values []json.RawMessage
	err    error
}

// call begins a call.
func (c *calling) call(stream bool, opts ...siskin.CallOption) <-chan result {
	ended := make(chan result, 1)
	go func() {
		var r result
		if stream {
			for v, err := range siskin.Stream[json.RawMessage](context.Background(), c.client, c.topic, 1, opts...) {
				if r.err = err; err == nil {
					r.values = append(r.values, v)
				}
			}
		} else {
			var v json.RawMessage
			v, r.err = siskin.Send[json.RawMessage](context.Background(), c.client, c.topic, 1, opts...)
			r.values = []json.RawMessage{v}
		}
		ended <- r
	}()
	return ended
}

func (c *calling) reply(tb testing.TB, to asked, b hostile.Batch) {
	tb.Helper()
	c.must(tb, to.topic, to.partition, b)
}

// right is the reply that a service sends.
func right(to asked, value string) *kgo.Record {
	return &kgo.Record{Value: []byte(value), Headers: []kgo.RecordHeader{
		{Key: wire.CorrelationID, Value: to.id}, {Key: wire.NestDisposed, Value: []byte{0}},
	}}
}

func ended(tb testing.TB, call <-chan result) result {
	tb.Helper()
	select {
	case r := <-call:
		return r
	case <-time.After(patience):
		tb.Fatal("the call has not ended")
		panic("unreachable")
	}
}

// named checks that the error of a call is one that a caller can act on.
func named(tb testing.TB, err error) {
	tb.Helper()
	if _, ok := errors.AsType[*siskin.CallError](err); err != nil && (!ok || siskin.CodeOf(err) == "") {
		tb.Errorf("the call ended with %.500v", err)
	}
}

// hostileReplies are what may stand on the reply partition of a call before its
// true reply, "7".
func hostileReplies() []hostileReply {
	mark := header(wire.NestDisposed, "\x00")
	of := func(text string) []kgo.RecordHeader { return []kgo.RecordHeader{header(wire.NestError, text), mark} }
	many := make([]kgo.RecordHeader, 10_000)
	for i := range many {
		many[i] = header("h", "v")
	}
	faults := make([]kgo.RecordHeader, 500)
	for i := range faults {
		faults[i] = header(wire.NestError, `{"status":"error","message":"`+strconv.Itoa(i)+`"}`)
	}
	return []hostileReply{
		{name: "a record of another client", rec: kgo.Record{Headers: []kgo.RecordHeader{header(wire.CorrelationID, "someone")}}, want: "7"},
		{name: "a record of nobody", rec: kgo.Record{Value: []byte("x")}, want: "7"},
		{name: "an id of 900 KiB", rec: kgo.Record{Headers: []kgo.RecordHeader{header(wire.CorrelationID, strings.Repeat("i", 900*kib))}}, want: "7"},
		{name: "an error for nobody", rec: kgo.Record{Headers: of("x")}, want: "7"},
		{name: "a value of a megabyte", mine: true, rec: kgo.Record{Value: []byte(strings.Repeat("8", 999_000))}, want: "888"},
		{name: "no value", mine: true, rec: kgo.Record{Headers: []kgo.RecordHeader{mark}}, want: ""},
		{name: "ten thousand headers", mine: true, rec: kgo.Record{Value: []byte("8"), Headers: many}, want: "8"},
		{name: "a deep error", mine: true, rec: kgo.Record{Headers: of(`{"message":"m","details":` + nested(400_000) + `}`)}, err: "unknown: "},
		{name: "a deep error as text", mine: true, rec: kgo.Record{Headers: of(nested(400_000))}, err: "unknown: "},
		{name: "an error of 900 KiB", mine: true, rec: kgo.Record{Headers: of(strings.Repeat("e", 900*kib))}, err: "unknown: eee"},
		{name: "details of 900 KiB", mine: true, rec: kgo.Record{Headers: of(`{"message":"m","code":"denied","details":"` + strings.Repeat("d", 900*kib) + `"}`)}, err: "denied: m"},
		{name: "an error that is not UTF-8", mine: true, rec: kgo.Record{Headers: of("\xff\xfe")}, err: "unknown: "},
		{name: "an error of NULs", mine: true, rec: kgo.Record{Headers: of("\x00\x00")}, err: "unknown: "},
		{name: "an empty error", mine: true, rec: kgo.Record{Headers: of("")}, want: ""},
		{name: "half an error", mine: true, rec: kgo.Record{Headers: of(`{"message":"m`)}, err: "unknown: "},
		{name: "a code that nobody knows", mine: true, rec: kgo.Record{Headers: of(`{"status":"error","message":"m","code":"root"}`)}, err: "unknown: m"},
		{name: "five hundred errors, of which the last counts", mine: true, rec: kgo.Record{Headers: faults}, err: "unknown: 499"},
		{name: "snappy", mine: true, rec: kgo.Record{Value: []byte("8")}, codec: 2, want: "8"},
		{name: "lz4", mine: true, rec: kgo.Record{Value: []byte("8")}, codec: 3, want: "8"},
		{name: "zstd", mine: true, rec: kgo.Record{Value: []byte("8")}, codec: 4, want: "8"},
		{name: "five megabytes in a few bytes", mine: true, rec: kgo.Record{Value: []byte(strings.Repeat("8", huge))}, codec: 4, want: "888"},
	}
}

type hostileReply struct {
	name  string
	mine  bool // it has the id of the call
	rec   kgo.Record
	codec int16
	want  string // how the value begins
	err   string // or a part of the error
}

func TestEachReplyEndsItsCallOrNothing(t *testing.T) {
	t.Parallel()
	c := calls(t)
	for _, h := range hostileReplies() {
		t.Run(h.name, func(t *testing.T) {
			call := c.call(false)
			to := c.next(t)
			if h.mine {
				h.rec.Headers = append(h.rec.Headers, kgo.RecordHeader{Key: wire.CorrelationID, Value: to.id})
			}
			b := hostile.Plain(&h.rec)
			if h.codec != 0 {
				b = b.Compressed(h.codec)
			}
			c.reply(t, to, b)
			c.reply(t, to, hostile.Plain(right(to, "7")))
			r := ended(t, call)
			named(t, r.err)
			switch {
			case h.err != "" && (r.err == nil || !strings.Contains(r.err.Error(), h.err)):
				t.Errorf("the error is %.500v, want one with %q", r.err, h.err)
			case h.err == "" && (r.err != nil || !strings.HasPrefix(string(r.values[0]), h.want) || h.want == "" && len(r.values[0]) > 0):
				t.Errorf("the reply is %.100q, %.500v; want %q", r.values, r.err, h.want)
			}
		})
	}
}

// A reply in a batch that cannot be read never comes; the next ones do.
func TestUnreadableBatchesStopNoClient(t *testing.T) {
	t.Parallel()
	c := calls(t)
	for _, h := range hostile.Unreadable() {
		t.Run(h.Name, func(t *testing.T) {
			call := c.call(false)
			to := c.next(t)
			at, err := c.store(t, to.topic, to.partition, h.Batch)
			if err != nil && (!siskintest.Real() || h.Anywhere) {
				t.Fatalf("the broker does not take the batch: %v", err)
			}
			c.reply(t, to, hostile.Plain(right(to, "7")))
			if r := ended(t, call); r.err != nil || string(r.values[0]) != "7" {
				t.Errorf("the reply is %q, %v", r.values, r.err)
			}
			if err == nil {
				c.await(t, "the event", func() bool {
					return len(of(c.rig, func(e events.RecordsSkipped) bool { return e.Position == at })) == 1
				})
			}
		})
	}
	t.Run("with the reply in it", func(t *testing.T) {
		call := c.call(false, siskin.WithTimeout(time.Second))
		to := c.next(t)
		lost := hostile.Plain(right(to, "7")).Compressed(1)
		lost.Records = append(lost.Records, "and more"...)
		c.reply(t, to, lost)
		if r := ended(t, call); !errors.Is(r.err, siskin.ErrNoReply) {
			t.Errorf("the reply is %q, %v; want %v", r.values, r.err, siskin.ErrNoReply)
		}
		call = c.call(false)
		to = c.next(t)
		c.reply(t, to, hostile.Plain(right(to, "7")))
		if r := ended(t, call); r.err != nil || string(r.values[0]) != "7" {
			t.Errorf("the next reply is %q, %v", r.values, r.err)
		}
	})
}

// What a service cannot tell in full it tells in short.
func TestCallersOfRepliesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	s := serve(t)
	client := siskintest.Client(t, s.cfg)
	for _, tt := range []struct {
		kind int
		req  string
	}{{requestHuge, "x"}, {requestFail, "x"}, {requestFail, "details"}} {
		_, err := siskin.Send[string](contextOf(t), client, s.topics[tt.kind], tt.req)
		e, ok := errors.AsType[*siskin.Error](err)
		if !ok || !e.Remote || !strings.Contains(e.Message, "larger than the broker accepts") {
			t.Errorf("%d, %q: the call ended with %.500v", tt.kind, tt.req, err)
		}
		if v, err := siskin.Send[string](contextOf(t), client, s.topics[tt.kind], good[tt.kind]); err != nil || v != good[tt.kind] {
			t.Errorf("%d: the next call got %q, %v", tt.kind, v, err)
		}
	}
}
