package partitioner

import (
	"sync/atomic"
	"time"
)

// streak is requests in a row to one partition. They were sent at the same time, and
// nobody had a call pending there: one batch of eight costs the client, the broker and
// the service much less than eight batches of one. See ADR 50.
type streak struct {
	limit     *limit
	partition int
	began     time.Time
	most      int32
	size      atomic.Int32 // how many were sent; the partitioner alone changes it
	left      atomic.Int32 // how many are pending
	first     atomic.Int64 // how long the first answer took, in nanoseconds
}

const (
	// longest is the most requests of a streak.
	longest = 16
	// atOnce is how long a streak takes requests: about as long as the Kafka client
	// needs for the requests of a group. Later ones would be in another batch.
	atOnce = 200 * time.Microsecond
	// brisk is how long a call takes at most where it matters what a batch costs.
	brisk = 20 * time.Millisecond
	// probe is how many requests go between two looks at a service that was slow.
	probe = 64
)

// join counts one more request, if it may still belong to the others.
func (s *streak) join(pending int32) bool {
	size := s.size.Load()
	if size >= s.most || pending != size || time.Since(s.began) > atOnce {
		return false
	}
	s.add()
	return true
}

func (s *streak) add() {
	s.size.Add(1)
	s.left.Add(1)
}

// ended counts an answer.
func (s *streak) ended() {
	took := time.Since(s.began)
	s.first.CompareAndSwap(0, int64(took))
	if size := s.size.Load(); s.left.Add(-1) == 0 && size > 1 {
		s.limit.learn(size, time.Duration(s.first.Load()), took)
	}
}

// limit is how long streaks of one topic may be. It grows while their calls are
// answered together, and shrinks when they seem to have waited for each other: where
// each partition is served one after the other, requests must not queue up in one while
// others have none. The zero value is no streaks.
type limit struct {
	more  atomic.Int32 // how many requests may follow the first; two streaks that end at once may lose a step
	turns int          // of requests that could not begin one; the partitioner alone touches it
}

// next is how many requests the next streak may have.
func (l *limit) next() int32 {
	if more := l.more.Load(); more > 0 {
		return 1 + more
	}
	if l.turns++; l.turns%probe == 0 {
		return 2
	}
	return 1
}

// learn is told how long the first and the last call of a streak took.
func (l *limit) learn(size int32, first, last time.Duration) {
	switch most := 1 + l.more.Load(); {
	case last > brisk, last-first > first/4:
		l.more.Store(max(most/2, 1) - 1)
	case size >= most:
		l.more.Store(min(2*most, longest) - 1)
	}
}
