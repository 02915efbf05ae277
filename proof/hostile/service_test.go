package hostile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
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

// order is a request or event with a type.
type order struct {
	ID    int64             `json:"id"`
	Items []string          `json:"items"`
	Notes map[string]any    `json:"notes"`
	Next  *order            `json:"next"`
	Raw   json.RawMessage   `json:"raw"`
	When  time.Time         `json:"when"`
	Tags  map[string]string `json:"tags"`
}

// kinds are the ways in which a service takes a record, and a value that each
// takes.
const (
	requestAny = iota
	requestOrder
	requestFloats
	requestString
	requestBytes
	requestHuge // answers with more than a broker takes
	requestFail // answers with an error whose text is more than a broker takes
	streamOrder
	eventOrder
	eventAny
	kinds
)

var good = [kinds]string{
	requestAny: `{"a":1}`, requestOrder: `{"id":1}`, requestFloats: `[1,2]`, requestString: `text`, requestBytes: "\x00\x01",
	requestHuge: `small`, requestFail: `small`, streamOrder: `{"id":1}`, eventOrder: `{"id":1}`, eventAny: `[]`,
}

// serving is a service with a handler of each kind, each on its own topic.
type serving struct {
	*rig
	svc    *siskin.Service
	topics [kinds]string
	reply  string // a topic for replies
}

const huge = 5 << 20

func serve(tb testing.TB) *serving {
	tb.Helper()
	s := &serving{rig: newRig(tb)}
	var err error
	if s.svc, err = siskin.NewService(s.cfg); err != nil {
		tb.Fatal(err)
	}
	for i := range s.topics {
		s.topics[i] = s.topic(tb, "kind")
	}
	s.reply = s.topicNamed(tb, siskintest.Name("back")+wire.ReplySuffix)
	siskin.Handle(s.svc, s.topics[requestAny], echo[any])
	siskin.Handle(s.svc, s.topics[requestOrder], echo[order])
	siskin.Handle(s.svc, s.topics[requestFloats], echo[[]float64])
	siskin.Handle(s.svc, s.topics[requestString], echo[string])
	siskin.Handle(s.svc, s.topics[requestBytes], echo[[]byte])
	siskin.Handle(s.svc, s.topics[requestHuge], func(_ context.Context, text string) (string, error) {
		if text == good[requestHuge] {
			return text, nil
		}
		return strings.Repeat("x", huge), nil
	})
	siskin.Handle(s.svc, s.topics[requestFail], func(_ context.Context, text string) (string, error) {
		switch text {
		case good[requestFail]:
			return text, nil
		case "details":
			return "", siskin.Errorf(siskin.CodeDenied, "no").WithDetails(strings.Repeat("x", huge))
		}
		return "", siskin.Errorf(siskin.CodeDenied, "%s", strings.Repeat("x", huge))
	})
	siskin.HandleStream(s.svc, s.topics[streamOrder], func(_ context.Context, o order, send func(order) error) error {
		if err := send(o); err != nil {
			return err
		}
		return send(o)
	})
	siskin.On(s.svc, s.topics[eventOrder], func(context.Context, order) error { return nil })
	siskin.On(s.svc, s.topics[eventAny], func(context.Context, any) error { return nil })
	siskintest.Run(tb, s.svc)
	return s
}

func echo[T any](_ context.Context, v T) (T, error) { return v, nil }

// request is a record that asks for a reply.
func (s *serving) request(id, value string, more ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{Value: []byte(value), Headers: append([]kgo.RecordHeader{
		header(wire.CorrelationID, id), header(wire.ReplyTopic, s.reply), header(wire.ReplyPartition, "0"),
	}, more...)}
}

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

// sentinel writes a record of a kind that must be handled well, and waits until it
// is committed.
func (s *serving) sentinel(tb testing.TB, kind int) {
	tb.Helper()
	want, rec := "replied", s.request("sentinel", good[kind])
	if kind >= eventOrder {
		want, rec = "done", &kgo.Record{Value: []byte(good[kind])}
	}
	at := s.must(tb, s.topics[kind], 0, hostile.Plain(rec))
	for s.lost(tb, at, want) {
		at = s.must(tb, s.topics[kind], 0, hostile.Plain(rec))
	}
	for limit := time.After(patience); s.committed(at.Topic) <= at.Offset; {
		select {
		case <-limit:
			tb.Fatalf("%s is committed up to %d only, the sentinel is at %d", at.Topic, s.committed(at.Topic), at.Offset)
		case <-time.After(time.Millisecond):
		}
	}
}

// lost waits until a record is handled well, or is told to be lost. A batch can have
// offsets behind the end of its log, if the broker does not look: the log then seems
// to have become shorter, and reading goes on at its end. A record of that batch may
// have had the offset of ours.
func (s *serving) lost(tb testing.TB, at events.Position, want string) (lost bool) {
	tb.Helper()
	s.await(tb, "a sentinel", func() bool {
		lost = len(of(s.rig, func(e events.OffsetsLost) bool {
			return e.Topic == at.Topic && e.Offset > at.Offset && e.Nearest > at.Offset
		})) > 0
		return lost || slices.ContainsFunc(s.handled[at], func(h events.Handled) bool {
			return h.Outcome == want && h.Err == nil
		})
	})
	return lost
}

func (s *serving) committed(topic string) int64 {
	for _, p := range s.svc.Info().Partitions {
		if p.Topic == topic {
			return p.Committed
		}
	}
	return -1
}

// nested is JSON arrays within each other.
func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

const kib = 1 << 10

// hostileRecords are records with what must become of each.
func (s *serving) hostileRecords() []hostileRecord {
	tooLong := strings.Repeat("t", 100*kib) + wire.ReplySuffix
	many := make([]kgo.RecordHeader, 10_000)
	for i := range many {
		many[i] = header(fmt.Sprint("h", i%7), "v")
	}
	repeated := func(name string, values ...string) (all []kgo.RecordHeader) {
		for range 500 {
			for _, v := range values {
				all = append(all, header(name, v))
			}
		}
		return all
	}
	plain := func(value string) *kgo.Record { return &kgo.Record{Value: []byte(value)} }
	to := func(topic, partition string) *kgo.Record {
		return &kgo.Record{Headers: []kgo.RecordHeader{
			header(wire.CorrelationID, "id"), header(wire.ReplyTopic, topic), header(wire.ReplyPartition, partition),
		}}
	}
	keyed := s.request("id", "x")
	keyed.Key = []byte(strings.Repeat("k", 900*kib))
	return []hostileRecord{
		{name: "a value at the limit", kind: requestString, rec: s.request("id", strings.Repeat("x", 999_000)), want: "replied"},
		{name: "ten thousand headers", kind: requestString, rec: s.request("id", "x", many...), want: "replied"},
		{name: "a header of 900 KiB", kind: requestString, rec: s.request("id", "x", header("h", strings.Repeat("v", 900*kib))), want: "replied"},
		{name: "a key of 900 KiB", kind: requestString, rec: keyed, want: "replied"},
		{name: "an id of 900 KiB", kind: requestString, rec: s.request(strings.Repeat("i", 900*kib), "x"), want: "replied"},
		{name: "an id that leaves no room for a reply", kind: requestHuge, rec: s.request(strings.Repeat("i", 999_700), "x"), want: "dropped", err: "MESSAGE_TOO_LARGE"},
		{name: "an id of NULs", kind: requestAny, rec: s.request("\x00\x00", "{}"), want: "replied"},
		{name: "a reply that is too large", kind: requestHuge, rec: s.request("id", "x"), want: "dropped", err: "MESSAGE_TOO_LARGE"},
		{name: "an error text that is too large", kind: requestFail, rec: s.request("id", "x"), want: "dropped", err: "MESSAGE_TOO_LARGE"},
		{name: "error details that are too large", kind: requestFail, rec: s.request("id", "details"), want: "dropped", err: "MESSAGE_TOO_LARGE"},
		{name: "a reply topic of 100 KiB", kind: requestAny, rec: to(tooLong, "0"), want: "dropped", err: "the most is 249"},
		{name: "a reply topic of illegal characters", kind: requestAny, rec: to("../../etc\x00\xff.reply", "0"), want: "dropped", err: "not a legal topic name"},
		{name: "the request topic as reply topic", kind: requestAny, rec: to(s.topics[requestAny], "0"), want: "dropped", err: "reply topic refused"},
		{name: "an internal topic as reply topic", kind: requestAny, rec: to("__consumer_offsets", "0"), want: "dropped", err: "reply topic refused"},
		{name: "a reply partition that is no number", kind: requestAny, rec: to(s.reply, "1e3"), want: "dead-lettered", err: "not a partition number"},
		{name: "a negative reply partition", kind: requestAny, rec: to(s.reply, "-1"), want: "dead-lettered", err: "not a partition number"},
		{name: "a reply partition out of all bounds", kind: requestAny, rec: to(s.reply, strings.Repeat("9", 1_000)), want: "dead-lettered", err: "not a partition number"},
		{name: "a reply partition that does not exist", kind: requestAny, rec: to(s.reply, "2147483647"), want: "dropped"},
		{name: "repeated headers, the last one counts", kind: requestAny, rec: s.request("id", "{}", repeated(wire.ReplyPartition, "x", "0")...), want: "replied"},
		{name: "repeated ids, the last one empty", kind: requestAny, rec: s.request("id", "{}", repeated(wire.CorrelationID, "x", "")...), want: "done"},
		{name: "a timeout that overflows", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "99999999999999999999")), want: "replied"},
		{name: "the largest timeout", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, fmt.Sprint(int64(math.MaxInt64)))), want: "replied"},
		{name: "a negative timeout", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "-1")), want: "replied"},
		{name: "a time before 1970", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "1000")), at: -5, want: "replied"},
		{name: "the first time of all", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "1000")), at: math.MinInt64, embedded: true, want: "replied"},
		{name: "the last time of all", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "1000")), at: math.MaxInt64, embedded: true},
		{name: "a time long ago", kind: requestAny, rec: s.request("id", "{}", header(wire.Timeout, "1000")), at: 1, want: "expired"},

		{name: "deep JSON as anything", kind: requestAny, rec: s.request("id", nested(9_999)), want: "replied"},
		{name: "too deep JSON as anything", kind: requestAny, rec: s.request("id", nested(400_000)), want: "replied"},
		{name: "half of too deep JSON", kind: requestOrder, rec: s.request("id", strings.Repeat(`{"next":`, 100_000)), want: "replied", err: "decode JSON"},
		{name: "too deep JSON in a type", kind: requestOrder, rec: s.request("id", `{"notes":{"a":`+nested(400_000)+`}}`), want: "replied", err: "decode JSON"},
		{name: "too deep JSON in raw JSON", kind: requestOrder, rec: s.request("id", `{"raw":`+nested(400_000)+`}`), want: "replied", err: "decode JSON"},
		{name: "cut JSON", kind: requestOrder, rec: s.request("id", `{"id":1,"items":["a`), want: "replied", err: "decode JSON"},
		{name: "JSON of another type", kind: requestOrder, rec: s.request("id", `[1]`), want: "replied", err: "decode JSON"},
		{name: "JSON that is not UTF-8", kind: requestOrder, rec: s.request("id", "{\"items\":[\"\xff\xfe\"]}"), want: "replied"},
		{name: "no value for a type", kind: requestOrder, rec: s.request("id", ""), want: "replied", err: "empty"},
		{name: "a number that is too large", kind: requestFloats, rec: s.request("id", `[1e400]`), want: "replied", err: "decode JSON"},
		{name: "a number of 900 KiB", kind: requestFloats, rec: s.request("id", "["+strings.Repeat("1", 900*kib)+"]"), want: "replied", err: "decode JSON"},
		{name: "an integer of 900 KiB", kind: requestOrder, rec: s.request("id", `{"id":`+strings.Repeat("1", 900*kib)+`}`), want: "replied", err: "decode JSON"},
		{name: "numbers as anything", kind: requestAny, rec: s.request("id", "["+strings.Repeat("9", 900*kib)+"]"), want: "replied"},
		{name: "text that is not UTF-8", kind: requestString, rec: s.request("id", "\xff\xfe\x00"), want: "replied"},
		{name: "bytes", kind: requestBytes, rec: s.request("id", "\x00\xff"), want: "replied"},
		{name: "a stream with a wrong value", kind: streamOrder, rec: s.request("id", "{"), want: "replied", err: "decode JSON"},
		{name: "a stream that nobody waits for", kind: streamOrder, rec: plain(`{"id":1}`), want: "done"},

		{name: "an event with a wrong value", kind: eventOrder, rec: plain("{"), want: "dead-lettered", err: "decode JSON"},
		{name: "an event without a value", kind: eventOrder, rec: &kgo.Record{}, want: "done"},
		{name: "an event that says it is a request", kind: eventOrder, rec: s.request("id", `{"id":1}`), want: "done"},
		{name: "a dead letter of a dead letter", kind: eventOrder, rec: &kgo.Record{Value: []byte("{"), Headers: repeated(wire.DeadErrorMessage, "old")}, want: "dead-lettered", err: "decode JSON"},
		{name: "an event at the limit with a wrong value", kind: eventOrder, rec: plain(strings.Repeat("{", 999_000)), want: "dead-lettered", err: "decode JSON"},
		{name: "an event that is too large for a dead letter", kind: eventOrder, rec: plain("{" + strings.Repeat("x", huge)), codec: 1, want: "dead-lettered", err: "decode JSON"},
		{name: "an event of anything", kind: eventAny, rec: plain("\x00\x01\x02"), want: "done"},

		{name: "gzip", kind: requestOrder, rec: s.request("id", `{"id":1}`), codec: 1, want: "replied"},
		{name: "snappy", kind: requestOrder, rec: s.request("id", `{"id":1}`), codec: 2, want: "replied"},
		{name: "lz4", kind: requestOrder, rec: s.request("id", `{"id":1}`), codec: 3, want: "replied"},
		{name: "zstd", kind: requestOrder, rec: s.request("id", `{"id":1}`), codec: 4, want: "replied"},
		{name: "five megabytes in a few bytes", kind: requestString, rec: s.request("id", strings.Repeat("x", huge)), codec: 4, want: "dropped", err: "MESSAGE_TOO_LARGE"},
	}
}

type hostileRecord struct {
	name     string
	kind     int
	rec      *kgo.Record
	at       int64 // timestamp in milliseconds; 0 is now
	codec    int16
	embedded bool   // Apache Kafka does not take it
	want     string // the outcome, or any
	err      string // a part of the error, or none
}

func (h hostileRecord) batch() hostile.Batch {
	b := hostile.Plain(h.rec)
	if b.FirstTimestamp = h.at; h.at == 0 {
		b.FirstTimestamp = time.Now().UnixMilli()
	}
	if h.codec != 0 {
		return b.Compressed(h.codec)
	}
	return b
}

func TestEachRecordHasAnOutcome(t *testing.T) {
	t.Parallel()
	s := serve(t)
	defer s.once(t)
	for _, h := range s.hostileRecords() {
		t.Run(h.name, func(t *testing.T) {
			if h.embedded && siskintest.Real() {
				if _, err := s.store(t, s.topics[h.kind], 0, h.batch()); err == nil {
					t.Error("the broker has taken it: it is no longer for embedded ones only")
				}
				return
			}
			at := s.must(t, s.topics[h.kind], 0, h.batch())
			s.sentinel(t, h.kind)
			got := s.outcome(t, at)
			if h.want != "" && got.Outcome != h.want {
				t.Errorf("the outcome is %q, %.500v; want %q", got.Outcome, got.Err, h.want)
			}
			switch {
			case h.err == "" && got.Outcome != "dropped" && got.Err != nil:
				t.Errorf("the error is %.500v, want none", got.Err)
			case h.err != "" && (got.Err == nil || !strings.Contains(got.Err.Error(), h.err)):
				t.Errorf("the error is %.500v, want one with %q", got.Err, h.err)
			}
		})
	}
}

func TestUnreadableBatchesStopNoService(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, c := range hostile.Unreadable() {
		t.Run(c.Name, func(t *testing.T) {
			at, err := s.store(t, s.topics[requestOrder], 0, c.Batch)
			if err != nil {
				if !siskintest.Real() || c.Anywhere {
					t.Errorf("the broker does not take the batch: %v", err)
				}
				return // such a broker keeps it from us
			}
			s.sentinel(t, requestOrder)
			s.await(t, "the event", func() bool {
				return len(of(s.rig, func(e events.RecordsSkipped) bool {
					return e.Position == at && e.Next == at.Offset+int64(c.Count)
				})) == 1
			})
		})
	}
	if p := s.svc.Health(); !p.OK() {
		t.Errorf("health: %v", p.Problems)
	}
}
