// Package events has a type for each thing that happens inside a service or a
// client and that an operator may want to count, log or wait for. Siskin logs
// each event through its logger and hands it to Config.Observe. It is a package
// of its own, and public, so that adapters for metrics and traces can live in
// other modules.
package events

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// Event is one thing that happened. The set of types is closed: a switch over
// them can be complete. Values are immutable.
type Event interface {
	// Level is how loudly the event is logged.
	Level() slog.Level
	// Message is the event in a few words, without its details.
	Message() string
	// Attrs are the details.
	Attrs() []slog.Attr

	event()
}

// Sink receives events. It is called on the goroutine where the event happened,
// also for each record, and from several goroutines at once: it must be quick
// and must not block.
type Sink func(Event)

// Log returns a sink that writes events to logger.
func Log(logger *slog.Logger) Sink {
	return func(e Event) {
		ctx := context.Background()
		if level := e.Level(); logger.Enabled(ctx, level) {
			logger.LogAttrs(ctx, level, e.Message(), e.Attrs()...)
		}
	}
}

// Position names a record in Kafka.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

func (p Position) attrs(more ...slog.Attr) []slog.Attr {
	return append([]slog.Attr{
		slog.String("topic", p.Topic),
		slog.Int("partition", int(p.Partition)),
		slog.Int64("offset", p.Offset),
	}, more...)
}

type sealed struct{}

func (sealed) event() {}

// after is a shared attribute: how long something took.
func after(d time.Duration) slog.Attr { return slog.Duration("after", d) }

func failure(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", clip(err.Error()))
}

// longestText bounds what one error adds to a log line: it can quote a record.
const longestText = 4 << 10

func clip(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
