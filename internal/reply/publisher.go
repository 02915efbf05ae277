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

// Publisher sends reply records. Safe for concurrent use.
type Publisher struct {
	client *kgo.Client
	// patience is how long a transient failure is tried again.
	patience time.Duration
}

// NewPublisher returns a publisher that produces through client and tries a
// reply whose partition is not yet known again for patience.
func NewPublisher(client *kgo.Client, patience time.Duration) *Publisher {
	return &Publisher{client: client, patience: patience}
}

// record is one reply as it goes out.
func record(to Address, value []byte, reply dialect.Reply) *kgo.Record {
	rec := &kgo.Record{
		Topic: to.Request.ReplyTopic, Partition: to.Request.ReplyPartition, Value: value,
		Context: partitioner.Obey,
	}
	if rec.Partition == dialect.NoPartition {
		rec.Context = context.Background()
	}
	reply.CorrelationID = to.Request.CorrelationID
	to.Dialect.WriteReply(rec, reply)
	return rec
}

// Once sends rec. done is called exactly once, from another goroutine, when the
// broker has stored the record or never will.
//
// It never blocks: when the client's buffer is full, the record fails at once.
// The context never ends on purpose: the end of one record's context fails its
// neighbours in the same batch.
func (p *Publisher) Once(rec *kgo.Record, done func(error)) {
	p.client.TryProduce(rec.Context, rec, func(_ *kgo.Record, err error) { done(err) })
}

// Patiently is Once for a record whose topic or partition the Kafka client may
// not know yet: it is tried again for a while.
func (p *Publisher) Patiently(rec *kgo.Record, done func(error)) {
	p.Once(rec, func(err error) {
		if err == nil || Permanent(err) {
			done(err)
			return
		}
		p.again(rec, time.Now().Add(p.patience), done, err)
	})
}

func (p *Publisher) again(rec *kgo.Record, until time.Time, done func(error), last error) {
	if time.Now().After(until) {
		done(last)
		return
	}
	if !errors.Is(last, kerr.UnknownTopicID) {
		p.client.ForceMetadataRefresh()
	}
	time.AfterFunc(retryDelay, func() {
		if errors.Is(last, kerr.UnknownTopicID) {
			// The topic was made anew. The client finds the new one only after
			// it has forgotten the old one.
			p.client.PurgeTopicsFromProducing(rec.Topic)
		}
		p.Once(rec, func(err error) {
			if err == nil || Permanent(err) {
				done(err)
				return
			}
			p.again(rec, until, done, err)
		})
	})
}

// retryDelay leaves time for one refresh of the metadata.
const retryDelay = 200 * time.Millisecond

// Permanent reports whether trying again cannot deliver the record. A partition
// that the metadata does not show may exist by now, so its error is transient;
// the Kafka client gives that error no type.
func Permanent(err error) bool {
	for _, e := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidRecord, kerr.PolicyViolation, kgo.ErrClientClosed,
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
