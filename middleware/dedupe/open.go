package dedupe

import (
	"errors"
	"time"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// run makes the topic or waits for it, by policy, and reads it until the end.
func (s *TopicStore) run() {
	start, err := s.begin()
	if err != nil {
		s.failed = err
		close(s.opened)
		return
	}
	s.readFrom(start)
	close(s.opened)
	s.tasks.Go(s.mark)
	s.tasks.Go(func() { fetch.Wake(s.ctx, s.client) })
	s.follow()
}

func (s *TopicStore) readFrom(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.mending = offset, nil
	s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {0: kgo.NewOffset().At(offset)}})
}

// renew finds the topic anew: somebody has deleted it, and perhaps made it again,
// which the Kafka client does not get over by itself. What is remembered in memory
// stays. It does nothing when that was done after the given time.
func (s *TopicStore) renew(after time.Time) error {
	s.renewal.Lock()
	defer s.renewal.Unlock()
	if s.renewed.After(after) {
		return nil
	}
	s.client.PurgeTopicsFromClient(s.topic)
	start, err := s.begin()
	if err != nil {
		return err
	}
	s.memory.renumber()
	s.readFrom(start)
	s.renewed = time.Now()
	return nil
}

// begin returns where to start: at what is young enough, by number.
func (s *TopicStore) begin() (int64, error) {
	admin := kadm.NewClient(s.client)
	keeper := topics.Keeper{Admin: admin, Policy: topics.Policy(s.cfg.Topics), Emit: s.emit}
	spec := topics.Spec{
		Name: s.topic, For: security.Write, Partitions: 1, Replication: int16(s.cfg.Replication),
		Retention: max(s.memory.bounds.Age, time.Minute), Compact: true,
	}
	if err := keeper.Ensure(s.ctx, []topics.Spec{spec}); err != nil {
		return 0, err
	}
	since := time.Now().Add(-s.memory.bounds.Age).UnixMilli()
	for failures := 1; ; failures++ {
		listed, err := admin.ListOffsetsAfterMilli(s.ctx, since, s.topic)
		at, ok := listed.Lookup(s.topic, 0)
		if err == nil && ok && at.Err == nil {
			return at.Offset, nil
		}
		if err == nil {
			err = at.Err
		}
		if denied := security.OnTopic(security.Read, s.topic, err); errors.Is(denied, security.ErrAuthorization) {
			return 0, denied
		}
		select {
		case <-time.After(backoff(failures)):
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
}
