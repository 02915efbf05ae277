package hostile_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// names are the headers that mean something, so that a fuzzer finds them.
var names = []string{
	wire.CorrelationID, wire.ReplyTopic, wire.ReplyPartition, wire.NestError, wire.NestDisposed, wire.Timeout,
	wire.TraceParent, wire.TraceState, wire.DeadTopic, wire.DeadErrorMessage, "",
}

// parse makes headers of bytes: what says which name and how often, how long the
// value is, and the value. own stands for a value of the test's.
func parse(b []byte, own []byte) (headers []kgo.RecordHeader) {
	for len(b) >= 2 && len(headers) < 2_000 {
		what, size := b[0], min(int(b[1]), len(b)-2)
		h := kgo.RecordHeader{Key: names[int(what&0x0f)%len(names)], Value: b[2 : 2+size]}
		switch {
		case what&0x0f == 0x0f:
			h.Key = string(h.Value)
		case b[1] == 0xff && len(b) < 0xff:
			h.Value = own
		case b[1] == 0xfe && len(b) < 0xfe:
			h.Value = nil
		}
		b = b[2+size:]
		times := 1
		if what&0x80 != 0 {
			times = 200
		}
		for range times {
			headers = append(headers, h)
		}
	}
	return headers
}

// whole turns the seeds of a fuzz target into header bytes: a name's number and a
// value.
func whole(pairs ...any) (b []byte) {
	for i := 0; i < len(pairs); i += 2 {
		value := pairs[i+1].(string)
		b = append(append(b, byte(pairs[i].(int)), byte(len(value))), value...)
	}
	return b
}

// FuzzService writes any record to a running service, and one that must be handled
// behind it.
func FuzzService(f *testing.F) {
	s := serve(f)
	request := whole(0, "id", 1, s.reply, 2, "0")
	for kind := range uint8(kinds) {
		for _, value := range []string{good[kind], "", "{", "[", "\x00", "\xff", "[1e999]", nested(3), `{"id":1e3}`, `"s"`, "7", "null"} {
			f.Add(kind, []byte("key"), []byte(value), request, int64(0), uint8(0))
		}
		f.Add(kind, []byte(nil), []byte(good[kind]), whole(0, "id", 1, s.reply, 2, "-9"), int64(-1), uint8(1))
		f.Add(kind, []byte{}, []byte(good[kind]), whole(0x80, "id", 0x81, s.reply, 0x82, "0", 0x83, "x"), int64(1)<<62, uint8(2))
		f.Add(kind, []byte(strings.Repeat("k", 1_000)), []byte(good[kind]), whole(0, "id", 1, "__x.reply", 5, "-1"), int64(1), uint8(3))
		f.Add(kind, []byte("\x00"), []byte(good[kind]), whole(0, "", 1, "", 0x0f, "\xff\xfe", 10, "x"), int64(math.MinInt64), uint8(4))
		f.Add(kind, []byte("k"), []byte(good[kind]), append(request, whole(5, "9223372036854775807")...), int64(math.MaxInt64), uint8(0))
	}
	// A partition that does not exist is looked for.
	f.Add(uint8(streamOrder), []byte(nil), []byte("{}"), whole(0, "id", 1, s.reply, 2, "9", 5, "50"), int64(-1), uint8(0))
	f.Fuzz(func(t *testing.T, kind uint8, key, value, headers []byte, at int64, codec uint8) {
		to := int(kind) % kinds
		b := hostile.Plain(&kgo.Record{Key: key, Value: value, Headers: parse(headers, []byte(s.reply))})
		if b.FirstTimestamp = at; codec%5 != 0 {
			b = b.Compressed(int16(codec % 5))
		}
		record, err := s.store(t, s.topics[to], 0, b)
		if err != nil {
			return // the broker's bounds keep it away
		}
		s.sentinel(t, to)
		s.outcome(t, record)
		s.once(t)
		s.forget()
	})
}

// hides reports whether a plain batch has a record whose offset lies behind the end
// of the batch. Apache Kafka refuses such a batch. The embedded broker stores it, and
// the Kafka client takes the next records for ones that it has read.
func hides(b hostile.Batch) bool {
	for rest := b.Records; b.Codec == 0; {
		size, n := kbin.Varint(rest)
		if n <= 0 || size < 0 || int(size) > len(rest)-n {
			return false // nothing that could be a record
		}
		var r kmsg.Record
		if r.ReadFrom(rest[:n+int(size)]) == nil && r.OffsetDelta >= b.Count {
			return true
		}
		rest = rest[n+int(size):]
	}
	return false
}

// FuzzBatch writes any bytes as a batch of records to a running service.
func FuzzBatch(f *testing.F) {
	s := serve(f)
	for codec := range uint8(5) {
		f.Add(codec, hostile.Plain(&kgo.Record{Value: []byte("{}")}).Records, int32(1))
		f.Add(codec, []byte("noise"), int32(3))
		f.Add(codec, []byte{}, int32(1))
	}
	for _, c := range hostile.Unreadable() {
		if len(c.Records) < 10_000 {
			f.Add(uint8(c.Codec), c.Records, c.Count)
		}
	}
	f.Fuzz(func(t *testing.T, codec uint8, records []byte, count int32) {
		b := hostile.Batch{Codec: int16(codec % 5), Records: records, Count: max(1, count%1_000)}
		if hides(b) {
			return
		}
		if _, err := s.store(t, s.topics[requestOrder], 0, b); err != nil {
			return
		}
		s.sentinel(t, requestOrder)
		s.forget()
	})
}

// FuzzClient writes any record to the reply partition of a call, and the true reply
// behind it.
func FuzzClient(f *testing.F) {
	c := calls(f)
	for mode := range uint8(4) {
		for _, value := range []string{"", "8", "{", "\x00", "[1e999]", nested(3)} {
			f.Add(mode, []byte(value), whole(4, "\x00"), uint8(0))
			f.Add(mode, []byte(value), whole(3, `{"message":"m","code":"denied"}`), uint8(1))
			f.Add(mode, []byte(value), whole(0x83, "x", 0x84, "", 0x80, "y"), uint8(2))
			f.Add(mode, []byte(value), []byte{0, 0xff, 3, 0xfe, 0x0f, 3}, uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, mode uint8, value, headers []byte, codec uint8) {
		stream, mine := mode&1 != 0, mode&2 != 0
		call := c.call(stream)
		to := c.next(t)
		rec := kgo.Record{Value: value, Headers: parse(headers, to.id)}
		if mine {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: wire.CorrelationID, Value: to.id})
		}
		b := hostile.Plain(&rec)
		if codec%5 != 0 {
			b = b.Compressed(int16(codec % 5))
		}
		_, _ = c.store(t, to.topic, to.partition, b)
		c.reply(t, to, hostile.Plain(right(to, "7")))
		r := ended(t, call)
		named(t, r.err)
		if id, _ := wire.Last(rec.Headers, wire.CorrelationID); string(id) != string(to.id) && (r.err != nil || string(last(r.values)) != "7") {
			t.Errorf("a record for others changed the reply to %q, %v", r.values, r.err)
		}

		call = c.call(stream)
		to = c.next(t)
		c.reply(t, to, hostile.Plain(right(to, "7")))
		if r := ended(t, call); r.err != nil || string(last(r.values)) != "7" {
			t.Errorf("the next call got %q, %v", r.values, r.err)
		}
		c.forget()
	})
}

func last(values []json.RawMessage) json.RawMessage {
	if len(values) == 0 {
		return nil
	}
	return values[len(values)-1]
}
