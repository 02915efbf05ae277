package reply

import (
	"context"
	"errors"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// flight is one reply on its way. It is one allocation with its record, the first
// of a sequence with that too.
type flight struct {
	record  kgo.Record
	headers [2]kgo.RecordHeader // room for those of a value
	seq     *Sequence
	size    int64
	ending  bool // the end of a stream or an error: it carries no value
	patient bool // tried again after a passing failure

	// missing is when a destination that does not exist is given up; zero
	// until it was missing for the first time.
	missing time.Time

	// The fields below belong to the rooms.
	to           *destination // nil while it has no room
	proven       bool         // the one before it to the same destination has landed
	until        time.Time
	ended        bool
	linked       bool
	before, next *flight
}

// newFlight returns a flight without room. It takes value over.
func (s *Sequence) newFlight(value []byte, ending bool) *flight {
	f := &s.first
	if f.seq != nil { // it is taken
		f = &flight{}
	}
	f.seq, f.size, f.ending = s, int64(len(value))+overhead, ending
	f.record.Topic, f.record.Partition = s.to.Request.ReplyTopic, s.to.Request.ReplyPartition
	f.record.Value, f.record.Headers = value, f.headers[:0]
	return f
}

// take adds what goes beside the value.
func (f *flight) take(m Message) {
	f.record.Key = m.Key
	f.size += int64(len(m.Key))
	for _, h := range m.Headers {
		f.record.Headers = append(f.record.Headers, h)
		f.size += int64(len(h.Key) + len(h.Value))
	}
}

// label writes the headers.
func (f *flight) label(r dialect.Reply) {
	to := &f.seq.to
	f.record.Context = partitioner.Obey
	if f.record.Partition == dialect.NoPartition {
		f.record.Context = context.Background()
	}
	r.CorrelationID = to.Request.CorrelationID
	to.Dialect.WriteReply(&f.record, r)
}

// landed is called by the Kafka client, on a goroutine of its own, when it has
// done with the record.
func (f *flight) landed(_ *kgo.Record, err error) {
	p := f.seq.publisher
	if err != nil {
		p.rooms.doubt(f)
		if p.again(f, err) {
			return
		}
	}
	if p.rooms.land(f, err == nil) {
		f.seq.landed(err)
	}
}

// missing reports whether the Kafka client did not find the destination, or
// failed for a reason that nothing is known about.
func missing(err error) bool {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
		return true
	}
	_, known := errors.AsType[*kerr.Error](err)
	return !known && !errors.Is(err, kgo.ErrRecordTimeout) && !errors.Is(err, kgo.ErrRecordRetries) &&
		!errors.Is(err, kgo.ErrMaxBuffered)
}

// Permanent reports whether trying again cannot deliver the record. A partition
// that the metadata does not show may exist by now, so its error is transient;
// the Kafka client gives that error no type.
func Permanent(err error) bool {
	for _, e := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.PolicyViolation,
		kgo.ErrClientClosed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// TooLarge reports whether the record was refused for its size.
func TooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}
