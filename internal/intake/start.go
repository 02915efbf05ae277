package intake

import (
	"context"
	"fmt"
	"slices"
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

// ParseStart reads a Start as settings have it: "end", which is also the empty
// text, "beginning", or a time in RFC 3339.
func ParseStart(text string) (Start, error) {
	switch text {
	case "", "end":
		return Start{}, nil
	case "beginning":
		return Start{Beginning: true}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Start{}, fmt.Errorf(`want "end", "beginning" or a time such as 2026-01-31T12:00:00Z: %w`, err)
	}
	return Start{At: at}, nil
}

// starts turns the settings into numbers. A number, because "the end" can move
// between the assignment and the first fetch, and the records in between would
// never be seen.
type starts struct {
	from   Start
	group  string
	client *kgo.Client
	reads  func(topic string) bool // for topics of patterns, or nil
	emit   events.Sink

	mu    sync.Mutex
	known map[string]int32 // partitions of a topic when this member first saw it
	found map[key]int64    // where this member has started partitions without a commit
}

// adjust is called by the Kafka client between the assignment and the first
// fetch, with the committed offsets, or a negative offset where there is none.
//
// It leaves out partitions that nobody here owns. The client asks for those too: when
// it forgets a topic while it waits for the offsets of that topic, it asks for them
// again as soon as it has joined again, whoever owns the partitions then. It would
// read them, and go on from where it is when they are assigned to it later.
func (in *Intake) adjust(
	ctx context.Context, offsets map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	<-in.built
	if in.cfg.NestJS {
		if err := in.starts.specials(ctx, offsets); err != nil {
			return nil, fmt.Errorf("find what is committed: %w", err)
		}
	}
	logs, err := in.starts.logs(ctx, offsets)
	if err != nil {
		return nil, fmt.Errorf("find where to start: %w", err)
	}
	fresh := false
	for topic, parts := range offsets {
		for n, o := range parts {
			p := in.find(key{topic, n})
			if p == nil {
				delete(parts, n)
				continue
			}
			committed := o.EpochOffset().Offset
			offset := in.starts.offset(logs, topic, n, committed)
			if offset < 0 {
				parts[n] = in.postpone(p, committed)
				continue
			}
			p.place(offset)
			// Without the leader epoch of the commit, which the client would ask
			// the broker about first: meanwhile it would wait for the records of
			// the other partitions, and those of this one come after that wait.
			// Whether the offset is in the log was looked at above.
			parts[n] = kgo.NewOffset().At(offset)
			if offset != committed {
				in.starts.remember(key{topic, n}, offset)
				fresh = true
			}
			p.marks.Start(offset, offset == committed)
		}
	}
	if fresh {
		// Joined comes with the commit of these positions: before it, a member
		// that takes over would start at another end.
		in.uncommitted.Store(true)
		in.wakeCommits()
	} else {
		in.joined()
	}
	return offsets, nil
}

// learn notes how many partitions each topic has when this member first sees it. With
// patterns it does so once, for all topics: one that comes later is new.
func (s *starts) learn(ctx context.Context, topics []string) {
	s.mu.Lock()
	learned := s.known != nil
	topics = slices.DeleteFunc(slices.Clone(topics), func(topic string) bool {
		_, ok := s.known[topic]
		return ok
	})
	s.mu.Unlock()
	switch {
	case s.reads == nil && len(topics) == 0, s.reads != nil && learned:
		return
	case s.reads != nil:
		topics = nil // all of them
	}
	details, err := kadm.NewClient(s.client).ListTopics(ctx, topics...)
	if err != nil {
		return // asked again at the next assignment
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]int32)
	}
	for topic, d := range details {
		if d.Err == nil {
			s.known[topic] = int32(len(d.Partitions))
		}
	}
}

// added reports whether partition n has appeared since this member joined.
// Records were sent there for this group too, so it is read from its beginning.
func (s *starts) added(topic string, n int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, ok := s.known[topic]
	if !ok {
		return s.known != nil && s.reads != nil && s.reads(topic) // a new topic of a pattern
	}
	return n >= count
}

// logs are the bounds of the assigned partitions.
type logs struct {
	first, end, at kadm.ListedOffsets
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
	return l, nil
}

// before is where this member started the partition when it first had it, or
// negative. A member that lost a partition before its first commit must not
// start at a later end: what came in between would never be seen.
func (s *starts) before(k key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.found[k]; ok {
		return at
	}
	return -1
}

// forget makes all partitions of a topic count as added: it was made anew while
// this member runs, so its first records are for this group too.
func (s *starts) forget(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.found {
		if k.topic == topic {
			delete(s.found, k)
		}
	}
	if s.known != nil {
		s.known[topic] = 0
	}
}

func (s *starts) remember(k key, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		s.found = make(map[key]int64)
	}
	s.found[k] = at
}

// kafkajsBeginning is what a NestJS server with fromBeginning commits when its
// offset is no longer in the log. With its other special offset, -1, it looks as if
// nothing was committed, and this member's own setting holds.
const kafkajsBeginning = -2

// specials finds the special offsets of kafkajs. The Kafka client takes them all
// for no commit.
func (s *starts) specials(ctx context.Context, offsets map[string]map[int32]kgo.Offset) error {
	committed, err := kadm.NewClient(s.client).FetchOffsets(ctx, s.group)
	if err != nil {
		return err
	}
	for topic, parts := range offsets {
		for n, o := range parts {
			c, ok := committed.Lookup(topic, n)
			if ok && c.Err == nil && c.At == kafkajsBeginning && o.EpochOffset().Offset < 0 {
				parts[n] = kgo.NewOffset().AtStart()
			}
		}
	}
	return nil
}

// offset is where to start partition n, or negative when its bounds are not
// known now.
func (s *starts) offset(l logs, topic string, n int32, committed int64) int64 {
	first, okFirst := l.first.Lookup(topic, n)
	end, okEnd := l.end.Lookup(topic, n)
	oldest := committed == kafkajsBeginning
	if committed < 0 {
		committed = s.before(key{topic, n})
	}
	if !okFirst || !okEnd || first.Err != nil || end.Err != nil {
		return committed
	}
	switch {
	case committed >= 0:
		return s.clamp(topic, n, committed, first.Offset, end.Offset)
	case oldest || s.from.Beginning || s.added(topic, n):
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
