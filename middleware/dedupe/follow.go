package dedupe

import (
	"context"
	"errors"
	"strconv"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/twmb/franz-go/pkg/kgo"
)

// follow reads the topic until the store is closed.
func (s *TopicStore) follow() {
	for {
		fetches := s.client.PollFetches(s.ctx)
		if s.ctx.Err() != nil || fetches.IsClientClosed() {
			return
		}
		s.pages.Polled()
		fetches.EachRecord(s.take)
		fetches.EachError(func(_ string, _ int32, err error) { s.trouble(err) })
	}
}

// take reads one record. One that cannot be read is passed over.
func (s *TopicStore) take(rec *kgo.Record) {
	s.mu.Lock()
	s.next = rec.Offset + 1
	s.mu.Unlock()
	if err := s.read(rec); err != nil {
		s.skipped.Add(1)
		s.emit(events.RecordsSkipped{
			Position: events.Position{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset},
			Next:     rec.Offset + 1, Bytes: len(rec.Key) + len(rec.Value), Err: err,
		})
	}
}

func (s *TopicStore) read(rec *kgo.Record) error {
	key, err := parseKey(rec.Key)
	if err != nil || key.group != s.group {
		return err
	}
	if key.instance != "" {
		number, err := strconv.ParseUint(string(rec.Value), 10, 64)
		if err == nil && key.instance == s.instance {
			s.rounds.reached(number)
		}
		return err
	}
	if rec.Value == nil {
		s.memory.forget(key.id, rec.Offset)
		return nil
	}
	o, err := decodeOutcome(rec.Value)
	if err == nil {
		s.memory.put(key.id, o, rec.Timestamp, rec.Offset)
	}
	return err
}

// trouble handles an error of the partition. Most mend themselves.
func (s *TopicStore) trouble(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if loss, ok := errors.AsType[*kgo.ErrDataLoss](err); ok {
		s.next = loss.ResetTo
	}
	if !fetch.Damaged(err) || s.mending != nil {
		return
	}
	search := &fetch.Search{Client: s.client, Topic: s.topic, At: s.next, Cause: err, Emit: s.emit}
	s.mending = search
	s.tasks.Go(func() { s.mend(search) })
}

func (s *TopicStore) searching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mending != nil
}

// mend goes on behind a batch that cannot be read: the Kafka client would ask for
// it for ever.
func (s *TopicStore) mend(search *fetch.Search) {
	batch, found := search.Find(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mending != search {
		return
	}
	s.mending = nil
	if !found || s.next != search.At {
		return
	}
	s.next = batch.Next
	s.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{s.topic: {0: {Epoch: -1, Offset: batch.Next}}})
	s.skipped.Add(1)
	s.emit(batch.Skipped(s.topic, 0))
}
