// Package deadletter stores records that cannot be handled, with what is known
// about why, so that nothing is lost and a person can look at them.
package deadletter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Publisher stores dead letters. Safe for concurrent use.
type Publisher struct {
	client *kgo.Client
	group  string
	ensure func(ctx context.Context, topic string) error
	there  sync.Map // topics that exist
}

// NewPublisher returns a publisher for the dead letters of a consumer group.
// ensure sees to it that a dead-letter topic exists.
func NewPublisher(client *kgo.Client, group string, ensure func(context.Context, string) error) *Publisher {
	return &Publisher{client: client, group: group, ensure: ensure}
}

// Topic is where the dead letters of topic go.
func Topic(topic string) string { return topic + wire.DeadLetterSuffix }

// Publish stores one dead letter and returns nil when the broker has it. Until
// ctx ends it tries again, and tells failing about each failure: a dead letter
// that is given up would be a lost record.
func (p *Publisher) Publish(ctx context.Context, rec *kgo.Record, cause error, failing func(error)) error {
	detail := full
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		err := p.store(ctx, p.letter(rec, cause, detail))
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("dead letter to %s not stored: %w", Topic(rec.Topic), err)
		}
		failing(err)
		if errors.Is(err, kgo.ErrClientClosed) {
			return err
		}
		if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
			detail = min(detail+1, pointer)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return fmt.Errorf("dead letter to %s not stored: %w", Topic(rec.Topic), err)
		}
	}
}

func (p *Publisher) store(ctx context.Context, letter *kgo.Record) error {
	if _, ok := p.there.Load(letter.Topic); !ok {
		if err := p.ensure(ctx, letter.Topic); err != nil {
			return err
		}
		p.there.Store(letter.Topic, true)
	}
	stored := make(chan error, 1)
	// Not with ctx: its end would fail the neighbours in the batch.
	p.client.TryProduce(context.Background(), letter, func(_ *kgo.Record, err error) { stored <- err })
	select {
	case err := <-stored:
		if err != nil {
			p.there.Delete(letter.Topic) // it may have been deleted
		}
		if errors.Is(err, kerr.UnknownTopicID) {
			// It was made anew. The client finds the new one only after it has
			// forgotten the old one.
			p.client.PurgeTopicsFromProducing(letter.Topic)
		}
		return security.OnTopic(security.Write, letter.Topic, err)
	case <-ctx.Done():
		return ctx.Err() // it may still be stored, and then once more
	}
}

const (
	firstDelay   = 200 * time.Millisecond
	longestDelay = 5 * time.Second
)

// detail is how much is written beside the record: a record at the size limit
// leaves no room for its own story.
type detail int

const (
	full  detail = iota
	brief        // without the error's message
	bare         // only what the record had
	// pointer is only where the record is: it is larger than what can be sent, as
	// one can be that was compressed. Trying on would hold up its partition for
	// ever.
	pointer
)

var errLarge = errors.New("the record is too large to be stored here; it is where it was until its retention ends")

// letter is a copy of rec with Spring Kafka's plain set of headers behind its
// own. Source: protocol notes for Spring, b.5. The partition is left to the
// key: a dead-letter topic may have fewer partitions than the source.
func (p *Publisher) letter(rec *kgo.Record, cause error, how detail) *kgo.Record {
	headers := make([]kgo.RecordHeader, 0, len(rec.Headers)+8)
	for _, h := range rec.Headers {
		if h.Key != wire.DeadErrorType && h.Key != wire.DeadErrorMessage {
			headers = append(headers, h)
		}
	}
	letter := &kgo.Record{Topic: Topic(rec.Topic), Key: rec.Key, Value: rec.Value, Headers: headers}
	switch how {
	case bare:
		return letter
	case pointer:
		*letter = kgo.Record{Topic: letter.Topic}
		cause = errors.Join(errLarge, cause)
	}
	add := func(key string, value []byte) {
		letter.Headers = append(letter.Headers, kgo.RecordHeader{Key: key, Value: value})
	}
	add(wire.DeadTopic, []byte(rec.Topic))
	add(wire.DeadPartition, binary.BigEndian.AppendUint32(nil, uint32(rec.Partition)))
	add(wire.DeadOffset, binary.BigEndian.AppendUint64(nil, uint64(rec.Offset)))
	add(wire.DeadTimestamp, binary.BigEndian.AppendUint64(nil, uint64(rec.Timestamp.UnixMilli())))
	add(wire.DeadTimestampType, []byte(timestampType(rec)))
	add(wire.DeadGroup, []byte(p.group))
	add(wire.DeadErrorType, []byte(errorType(cause)))
	if how == full || how == pointer {
		add(wire.DeadErrorMessage, []byte(errorMessage(cause)))
	}
	return letter
}

func timestampType(rec *kgo.Record) string {
	switch rec.Attrs.TimestampType() {
	case 0:
		return "CreateTime"
	case 1:
		return "LogAppendTime"
	}
	return "NoTimestampType"
}

// errorType is the Go type of the innermost error, which is what tells two
// kinds of failure apart.
func errorType(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
		}
		err = inner
	}
}

// longestMessage bounds the header: an error can quote a whole record.
const longestMessage = 8 << 10

func errorMessage(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if len(text) > longestMessage {
		return strings.ToValidUTF8(text[:longestMessage], "") + "…"
	}
	return text
}
