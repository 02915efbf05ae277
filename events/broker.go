package events

import (
	"fmt"
	"log/slog"
	"time"
)

// BrokerAway says that no broker could be reached. It is sent once an outage,
// not once an attempt.
type BrokerAway struct {
	sealed
	Brokers []string
	Err     error
}

// Level is Error: nothing can be sent or received.
func (BrokerAway) Level() slog.Level { return slog.LevelError }

// Message is one line with the likely cause and the next step.
func (BrokerAway) Message() string {
	return "no Kafka broker answers; is it running, and is the address right? trying again until it does"
}

// Attrs are the addresses and the last error.
func (e BrokerAway) Attrs() []slog.Attr {
	return []slog.Attr{slog.Any("brokers", e.Brokers), failure(e.Err)}
}

// BrokerRefused says that a broker and this program do not accept each other: the
// password, a certificate, or TLS on one side only. It is sent once an outage.
type BrokerRefused struct {
	sealed
	Broker string
	// Err is a *security.AuthenticationError.
	Err error
}

// Level is Error: nothing can be sent or received.
func (BrokerRefused) Level() slog.Level { return slog.LevelError }

// Message is "the Kafka broker and this program do not accept each other".
func (BrokerRefused) Message() string {
	return "the Kafka broker and this program do not accept each other; see Config.Security"
}

// Attrs are the broker and what is wrong.
func (e BrokerRefused) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("broker", e.Broker), failure(e.Err)}
}

// BrokerBack says that a broker answers again after BrokerAway or
// BrokerRefused.
type BrokerBack struct {
	sealed
	Broker string
	After  time.Duration
}

// Level is Info.
func (BrokerBack) Level() slog.Level { return slog.LevelInfo }

// Message is "the Kafka broker answers again".
func (BrokerBack) Message() string { return "the Kafka broker answers again" }

// Attrs are the address and how long the outage lasted.
func (e BrokerBack) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("broker", e.Broker), after(e.After)}
}

// TopicsMissing says that a service or client waits for topics that do not
// exist.
type TopicsMissing struct {
	sealed
	Topics []string
	Policy string
}

// Level is Warn.
func (TopicsMissing) Level() slog.Level { return slog.LevelWarn }

// Message names the next step.
func (TopicsMissing) Message() string {
	return "topics do not exist; create them, or set Config.Topics to \"create\"; waiting for them"
}

// Attrs are the missing topics and the policy in force.
func (e TopicsMissing) Attrs() []slog.Attr {
	return []slog.Attr{slog.Any("topics", e.Topics), slog.String("policy", e.Policy)}
}

// TopicsFailed says that a broker refused to say which topics exist, or to make
// them. It is asked again.
type TopicsFailed struct {
	sealed
	Topics []string
	Err    error
}

// Level is Warn.
func (TopicsFailed) Level() slog.Level { return slog.LevelWarn }

// Message is "the broker cannot make sure of topics".
func (TopicsFailed) Message() string { return "the broker cannot make sure of topics; trying again" }

// Attrs are the topics and the broker's error.
func (e TopicsFailed) Attrs() []slog.Attr {
	return []slog.Attr{slog.Any("topics", e.Topics), failure(e.Err)}
}

// TopicsCreated says that topics were created.
type TopicsCreated struct {
	sealed
	Topics []string
}

// Level is Info.
func (TopicsCreated) Level() slog.Level { return slog.LevelInfo }

// Message is "created topics".
func (TopicsCreated) Message() string { return "created topics" }

// Attrs are the new topics.
func (e TopicsCreated) Attrs() []slog.Attr {
	return []slog.Attr{slog.Any("topics", e.Topics)}
}

// FetchFailed says that a partition could not be read. Reading goes on by
// itself when the cause is gone.
type FetchFailed struct {
	sealed
	Topic     string
	Partition int32
	Err       error
}

// Level is Warn.
func (FetchFailed) Level() slog.Level { return slog.LevelWarn }

// Message is "a partition cannot be read".
func (FetchFailed) Message() string { return "a partition cannot be read; trying again" }

// Attrs are the partition and the error.
func (e FetchFailed) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("topic", e.Topic), slog.Int("partition", int(e.Partition)), failure(e.Err),
	}
}

// RecordsSkipped says that a record batch could not be read and was passed over:
// its compression is broken or unknown, or it would take too much memory. What was
// in it is not handled; calls whose replies were in it end at their deadlines. A
// service has stored the batch as a dead letter before that.
type RecordsSkipped struct {
	sealed
	// Position is that of the first record that was skipped.
	Position
	// Next is the offset behind the last one.
	Next int64
	// Bytes is how long the batch is, as the broker has it.
	Bytes int
	// Err is why it cannot be read.
	Err error
	// Stored is the dead letter that has the batch. Its topic is empty when there
	// is none: a client keeps no replies, and a service no requests where the
	// dead-letter topic is missing or closed to it.
	Stored Position
}

// Level is Error: records are lost to this reader.
func (RecordsSkipped) Level() slog.Level { return slog.LevelError }

// Message names the next step.
func (RecordsSkipped) Message() string {
	return "records cannot be read and were skipped; which program wrote them?"
}

// Attrs are the first and the next offset, and the reason.
func (e RecordsSkipped) Attrs() []slog.Attr {
	attrs := e.attrs(slog.Int64("next", e.Next), slog.Int("bytes", e.Bytes), failure(e.Err))
	if e.Stored.Topic != "" {
		attrs = append(attrs, slog.String("stored", fmt.Sprintf("%s/%d@%d", e.Stored.Topic, e.Stored.Partition, e.Stored.Offset)))
	}
	return attrs
}
