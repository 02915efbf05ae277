package events

import (
	"fmt"
	"log/slog"
	"strings"
)

// TopicsDiffer says that not all members of a consumer group with NestJS servers
// read the same topics. A NestJS server that leads the group shares out its own
// topics only, and gives them to every member, so what the others read beside them
// is read by nobody. While a Siskin service leads, each topic goes to members that
// read it.
type TopicsDiffer struct {
	sealed
	Group string
	// Members are the others that read something else than this service.
	Members []MemberTopics
	// Unread are topics of this service of which no member was given anything.
	Unread []string
}

// MemberTopics is how the topics of a member differ from those of this service.
type MemberTopics struct {
	// Member is the member's id in the group. It begins with its client id.
	Member string
	// Also are topics that only that member reads, Not those that only this
	// service reads.
	Also, Not []string
}

// Same reports whether there is no difference.
func (m MemberTopics) Same() bool { return len(m.Also)+len(m.Not) == 0 }

// String is the difference in words.
func (m MemberTopics) String() string {
	var parts []string
	if len(m.Also) > 0 {
		parts = append(parts, "reads also "+strings.Join(m.Also, ", "))
	}
	if len(m.Not) > 0 {
		parts = append(parts, "does not read "+strings.Join(m.Not, ", "))
	}
	return fmt.Sprintf("%s %s", m.Member, strings.Join(parts, " and "))
}

// Level is Error when topics are unread, else Warn.
func (e TopicsDiffer) Level() slog.Level {
	if len(e.Unread) > 0 {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// Message says what follows, and what to do.
func (e TopicsDiffer) Message() string {
	if len(e.Unread) > 0 {
		return "nobody reads topics of this service: the NestJS server that leads the consumer group shares out its own topics only; " +
			"give this service a group of its own for them, or all members the same topics"
	}
	return "members of the consumer group read different topics, some of which nobody reads while a NestJS server leads the group; " +
		"give all members the same topics, or this service a group of its own"
}

// Attrs are the group, who differs in what, and the topics that nobody reads.
func (e TopicsDiffer) Attrs() []slog.Attr {
	differs := make([]string, len(e.Members))
	for i, m := range e.Members {
		differs[i] = m.String()
	}
	return []slog.Attr{slog.String("group", e.Group), slog.String("members", strings.Join(differs, "; ")), slog.Any("unread", e.Unread)}
}

// RetriesInPlace means that a partition has no partition in its retry topic, so
// that what fails there waits in place: later records of its key wait, and the
// offsets behind it are not committed. It is told once an assignment.
type RetriesInPlace struct {
	sealed

	Topic      string
	Partition  int32
	RetryTopic string
	Err        error
}

// Level is a warning.
func (RetriesInPlace) Level() slog.Level { return slog.LevelWarn }

// Message is the same for all.
func (RetriesInPlace) Message() string {
	return "the retry topic lacks this partition, records are retried in place; add partitions to it"
}

// Attrs names the partition, the retry topic and the reason.
func (e RetriesInPlace) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("topic", e.Topic), slog.Int("partition", int(e.Partition)),
		slog.String("retry_topic", e.RetryTopic), failure(e.Err),
	}
}
