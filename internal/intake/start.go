package intake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Start is where a consumer group reads a partition for which it has no commit.
type Start struct {
	// Beginning starts at the oldest retained record, else at the end.
	Beginning bool
	// At starts at the first record at or after this time, when not zero.
	At time.Time
}

// starts turns the settings into numbers. A number, because "the end" can move
// between the assignment and the first fetch, and the records in between would
// never be seen.
type starts struct {
	from   Start
	group  string
	client *kgo.Client
	emit   events.Sink

	mu    sync.Mutex
	known map[string]int32 // partitions of a topic when it was first assigned
}

// adjust is called by the Kafka client between the assignment and the first
// fetch, with the committed offsets, or a negative offset where there is none.
func (in *Intake) adjust(
	ctx context.Context, offsets map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	<-in.built
	logs, err := in.starts.logs(ctx, offsets)
	if err != nil {
		return nil, fmt.Errorf("find where to start: %w", err)
	}
	for topic, parts := range offsets {
		count := in.starts.count(topic, logs.sizes[topic])
		for n, o := range parts {
			committed := o.EpochOffset().Offset
			offset := in.starts.offset(logs, topic, n, committed, count)
			if offset < 0 {
				continue // the partition's leader is away: the client asks again
			}
			if offset != committed {
				parts[n] = kgo.NewOffset().At(offset)
			}
			if p := in.find(key{topic, n}); p != nil {
				p.marks.Start(offset, offset == committed)
			}
		}
	}
	in.wakeCommits()
	in.cfg.Joined()
	return offsets, nil
}

// count is how many partitions the topic had when this member first saw it.
func (s *starts) count(topic string, now int32) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]int32)
	}
	if _, ok := s.known[topic]; !ok {
		s.known[topic] = now
	}
	return s.known[topic]
}

// logs are the bounds of the assigned partitions.
type logs struct {
	first, end, at kadm.ListedOffsets
	sizes          map[string]int32
}

func (s *starts) logs(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (logs, error) {
	admin := kadm.NewClient(s.client)
	topics := make([]string, 0, len(offsets))
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return logs{}, nil
	}
	var l logs
	var err error
	if l.first, err = admin.ListStartOffsets(ctx, topics...); err != nil {
		return l, err
	}
	if l.end, err = admin.ListEndOffsets(ctx, topics...); err != nil {
		return l, err
	}
	if !s.from.At.IsZero() {
		if l.at, err = admin.ListOffsetsAfterMilli(ctx, s.from.At.UnixMilli(), topics...); err != nil {
			return l, err
		}
	}
	l.sizes = make(map[string]int32, len(topics))
	for topic, parts := range l.end {
		l.sizes[topic] = int32(len(parts))
	}
	return l, nil
}

// offset is where to start partition n, or negative when its bounds are not
// known now.
func (s *starts) offset(l logs, topic string, n int32, committed int64, count int32) int64 {
	first, okFirst := l.first.Lookup(topic, n)
	end, okEnd := l.end.Lookup(topic, n)
	if !okFirst || !okEnd || first.Err != nil || end.Err != nil {
		return committed
	}
	switch {
	case committed >= 0:
		return s.clamp(topic, n, committed, first.Offset, end.Offset)
	case n >= count || s.from.Beginning:
		// A partition that appeared while this member ran starts at its
		// beginning: its first records were sent to this group too.
		return first.Offset
	case !s.from.At.IsZero():
		if at, ok := l.at.Lookup(topic, n); ok && at.Err == nil && at.Offset >= 0 {
			return at.Offset
		}
	}
	return end.Offset
}

// clamp moves a committed offset that is no longer in the log to the nearest
// record that is, and says so.
func (s *starts) clamp(topic string, n int32, committed, first, end int64) int64 {
	nearest := min(max(committed, first), end)
	if nearest != committed {
		s.emit(events.OffsetsLost{
			Group:    s.group,
			Position: events.Position{Topic: topic, Partition: n, Offset: committed},
			Nearest:  nearest,
		})
	}
	return nearest
}
