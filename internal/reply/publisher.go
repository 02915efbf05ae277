package reply

import (
	"context"
	"errors"
	"time"

	"github.com/siskin-go/siskin/dialect"
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

// Value sends one value. done is called exactly once, from another goroutine,
// when the broker has stored the record or never will.
func (p *Publisher) Value(to Address, value []byte, last bool, done func(error)) {
	p.send(to, value, dialect.Reply{CorrelationID: to.Request.CorrelationID, Last: last}, done)
}

// Fault sends the error that ends a call. done is as in Value.
func (p *Publisher) Fault(to Address, fault *dialect.Fault, done func(error)) {
	p.send(to, nil, dialect.Reply{CorrelationID: to.Request.CorrelationID, Fault: fault, Last: true}, done)
}

func (p *Publisher) send(to Address, value []byte, reply dialect.Reply, done func(error)) {
	rec := &kgo.Record{Topic: to.Request.ReplyTopic, Partition: to.Request.ReplyPartition, Value: value}
	to.Dialect.WriteReply(rec, reply)
	p.produce(rec, time.Time{}, done)
}

// produce never blocks: when the client's buffer is full, TryProduce fails the
// record at once. The context is the background on purpose: ending the context
// of one record fails its neighbours in the same batch.
func (p *Publisher) produce(rec *kgo.Record, until time.Time, done func(error)) {
	p.client.TryProduce(context.Background(), rec, func(_ *kgo.Record, err error) {
		if err == nil || Permanent(err) {
			done(err)
			return
		}
		now := time.Now()
		if until.IsZero() {
			until = now.Add(p.patience)
		}
		if now.After(until) {
			done(err)
			return
		}
		p.client.ForceMetadataRefresh()
		time.AfterFunc(retryDelay, func() { p.produce(rec, until, done) })
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
