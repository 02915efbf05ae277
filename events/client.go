package events

import "log/slog"

// RouteOpened says that a client now listens for replies on a partition.
type RouteOpened struct {
	sealed
	ReplyTopic string
	Partition  int32
	Offset     int64
}

// Level is Debug.
func (RouteOpened) Level() slog.Level { return slog.LevelDebug }

// Message is "reply route opened".
func (RouteOpened) Message() string { return "reply route opened" }

// Attrs are the reply topic, the partition and the first offset.
func (e RouteOpened) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("reply_topic", e.ReplyTopic), slog.Int("partition", int(e.Partition)),
		slog.Int64("offset", e.Offset),
	}
}

// RouteLeft says that a client stopped using a partition for new calls. The
// next call opens another route.
type RouteLeft struct {
	sealed
	ReplyTopic string
	Partition  int32
	Reason     string
	// Failed is how many pending calls ended with an error.
	Failed int
}

// Level is Warn.
func (RouteLeft) Level() slog.Level { return slog.LevelWarn }

// Message is "reply route left".
func (RouteLeft) Message() string { return "reply route left" }

// Attrs are the reply topic, the partition and why it was left.
func (e RouteLeft) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("reply_topic", e.ReplyTopic), slog.Int("partition", int(e.Partition)),
		slog.String("reason", e.Reason), slog.Int("failed", e.Failed),
	}
}
