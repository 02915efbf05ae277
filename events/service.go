package events

import (
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ServiceStarted says that a service runs: its topics are known and it asks to
// join its consumer group.
type ServiceStarted struct {
	sealed
	Group  string
	Topics []string
}

// Level is Info.
func (ServiceStarted) Level() slog.Level { return slog.LevelInfo }

// Message is "service started".
func (ServiceStarted) Message() string { return "service started" }

// Attrs are the consumer group and the topics.
func (e ServiceStarted) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group), slog.Any("topics", e.Topics)}
}

// ServiceStopped says that a service has drained and left its consumer group.
type ServiceStopped struct {
	sealed
	Group string
	// Drained is false when handlers still ran at the end of Config.Drain.
	Drained bool
}

// Level is Info, or Warn when handlers were cut off.
func (e ServiceStopped) Level() slog.Level {
	if e.Drained {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// Message says how the service ended.
func (e ServiceStopped) Message() string {
	if e.Drained {
		return "service stopped"
	}
	return "service stopped before its handlers were done; their records will be delivered again"
}

// Attrs is the consumer group.
func (e ServiceStopped) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group)}
}

// PartitionsAssigned says that this member of the consumer group now owns
// more partitions.
type PartitionsAssigned struct {
	sealed
	Group      string
	Partitions map[string][]int32
}

// Level is Info.
func (PartitionsAssigned) Level() slog.Level { return slog.LevelInfo }

// Message is "partitions assigned".
func (PartitionsAssigned) Message() string { return "partitions assigned" }

// Attrs are the consumer group and the partitions.
func (e PartitionsAssigned) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group), slog.Any("partitions", e.Partitions)}
}

// PartitionsRevoked says that this member no longer owns some partitions.
type PartitionsRevoked struct {
	sealed
	Group      string
	Partitions map[string][]int32
	// Lost is true when the member was thrown out: what its handlers did
	// there may be done again by another member.
	Lost bool
}

// Level is Info, or Warn for lost partitions.
func (e PartitionsRevoked) Level() slog.Level {
	if e.Lost {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Message is "partitions revoked" or "partitions lost".
func (e PartitionsRevoked) Message() string {
	if e.Lost {
		return "partitions lost; was this member silent for longer than its session timeout?"
	}
	return "partitions revoked"
}

// Attrs are the consumer group and the partitions.
func (e PartitionsRevoked) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group), slog.Any("partitions", e.Partitions)}
}

// GroupFailed says that a service cannot take part in its consumer group. It
// tries again by itself.
type GroupFailed struct {
	sealed
	Group string
	Err   error
}

// Level is Error: nothing is read.
func (GroupFailed) Level() slog.Level { return slog.LevelError }

// Message names likely causes.
func (e GroupFailed) Message() string {
	if errors.Is(e.Err, kerr.InconsistentGroupProtocol) {
		return "the consumer group cannot be joined: its members share partitions in a way that this one does not offer; " +
			"is a NestJS server in it? then set Config.Protocol to \"nestjs\"; trying again"
	}
	return "the consumer group cannot be joined; has this client the right to, " +
		"and is Config.Session within the broker's bounds? trying again"
}

// Attrs are the consumer group and the error.
func (e GroupFailed) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group), failure(e.Err)}
}

// CommitFailed says that offsets could not be committed. They are committed
// again with the next ones.
type CommitFailed struct {
	sealed
	Group string
	Err   error
}

// Level is Warn.
func (CommitFailed) Level() slog.Level { return slog.LevelWarn }

// Message is "offsets not committed; trying again".
func (CommitFailed) Message() string { return "offsets not committed; trying again" }

// Attrs are the consumer group and the error.
func (e CommitFailed) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("group", e.Group), failure(e.Err)}
}

// Handled says that a record reached its final outcome.
type Handled struct {
	sealed
	Position
	// Kind is "request", "event" or "none" (no handler).
	Kind string
	// Outcome is "done", "replied", "dropped", "dead-lettered" or "expired".
	Outcome string
	// Attempts is how often the handler ran.
	Attempts int
	// Took is the time from the first attempt to the outcome.
	Took time.Duration
	// Err is the last error of the handler, or nil.
	Err error
}

// Level is Debug for what went well and for errors that were meant for the
// caller, and Warn for anything that a person should look at.
func (e Handled) Level() slog.Level {
	if e.Outcome == "dead-lettered" || e.Outcome == "expired" || e.Kind == "none" {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// Message says what became of the record.
func (e Handled) Message() string {
	if e.Kind == "none" {
		return "no handler for a record of this topic"
	}
	return "record " + e.Outcome
}

// Attrs are where the record is and how it went.
func (e Handled) Attrs() []slog.Attr {
	return e.attrs(slog.String("kind", e.Kind), slog.Int("attempts", e.Attempts), after(e.Took), failure(e.Err))
}

// HandlerFailed says that a handler returned an error that was not made for
// its caller, or panicked. The caller only learns "internal". When a batch fails
// as a whole, it is sent once, with the position of its first record.
type HandlerFailed struct {
	sealed
	Position
	Attempt int
	Err     error
	// Stack is the stack of a panic, or empty.
	Stack string
	// Next is what happens now: "reply", "retry", "dead-letter" or "drop".
	Next string
}

// Level is Error.
func (HandlerFailed) Level() slog.Level { return slog.LevelError }

// Message is "handler failed", or "handler panicked".
func (e HandlerFailed) Message() string {
	if e.Stack != "" {
		return "handler panicked"
	}
	return "handler failed"
}

// Attrs are the record, the error and what happens next.
func (e HandlerFailed) Attrs() []slog.Attr {
	attrs := e.attrs(slog.Int("attempt", e.Attempt), slog.String("next", e.Next), failure(e.Err))
	if e.Stack != "" {
		attrs = append(attrs, slog.String("stack", e.Stack))
	}
	return attrs
}

// ReplyLost says that a reply could not be delivered and never will be. The
// request counts as handled.
type ReplyLost struct {
	sealed
	Position
	ReplyTopic     string
	ReplyPartition int32
	Err            error
}

// Level is Warn.
func (ReplyLost) Level() slog.Level { return slog.LevelWarn }

// Message is "a reply could not be delivered".
func (ReplyLost) Message() string { return "a reply could not be delivered; its caller will time out" }

// Attrs are the request, the destination and the error.
func (e ReplyLost) Attrs() []slog.Attr {
	return e.attrs(slog.String("reply_topic", clip(e.ReplyTopic)), // whatever a request says
		slog.Int("reply_partition", int(e.ReplyPartition)), failure(e.Err))
}

// PublishFailed says that a dead letter is not yet stored. It is tried again
// until it is; the record's offset is not committed before that.
type PublishFailed struct {
	sealed
	Position
	To  string
	Err error
}

// Level is Error.
func (PublishFailed) Level() slog.Level { return slog.LevelError }

// Message is "dead letter not stored; trying again".
func (PublishFailed) Message() string { return "dead letter not stored; trying again" }

// Attrs are the record, the dead-letter topic and the error.
func (e PublishFailed) Attrs() []slog.Attr {
	return e.attrs(slog.String("to", e.To), failure(e.Err))
}

// OffsetsLost says that the offset at which a partition should have been read
// is no longer in its log. Records were lost to this consumer group, by
// retention or by a broker that lost data.
type OffsetsLost struct {
	sealed
	Position
	Group string
	// Nearest is where reading goes on.
	Nearest int64
}

// Level is Error.
func (OffsetsLost) Level() slog.Level { return slog.LevelError }

// Message names the likely cause.
func (OffsetsLost) Message() string {
	return "the committed offset is no longer in the log; was the group away for longer than the topic's retention?"
}

// Attrs are the partition, the committed offset and where reading goes on.
func (e OffsetsLost) Attrs() []slog.Attr {
	return e.attrs(slog.String("group", e.Group), slog.Int64("nearest", e.Nearest))
}

// RecordStuck says that one unfinished record has held up the commits of its
// partition for longer than Config.StuckAfter: its handler blocks, its dead
// letter cannot be stored, or a manual commit has not come. After a crash,
// everything from there on is done again.
type RecordStuck struct {
	sealed
	Position
	// Age is how long the record has been the oldest one.
	Age time.Duration
	// Unfinished is how many records of the partition are in memory.
	Unfinished int
	// Paused is true when the partition is not read any further.
	Paused bool
}

// Level is Warn, and Error when the partition is not read any further.
func (e RecordStuck) Level() slog.Level {
	if e.Paused {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// Message is "a record holds up the commits of its partition".
func (RecordStuck) Message() string {
	return "a record holds up the commits of its partition; does its handler block, or wait for a commit?"
}

// Attrs are where the record is, for how long, and what waits behind it.
func (e RecordStuck) Attrs() []slog.Attr {
	return e.attrs(slog.Duration("age", e.Age), slog.Int("unfinished", e.Unfinished), slog.Bool("paused", e.Paused))
}
