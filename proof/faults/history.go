package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// history is everything that a run has left: what was sent, what the brokers have
// stored, what the services wrote down. The ledger is computed from it alone.
type history struct {
	Sent    []sent
	Calls   []call
	Stored  []stored
	Letters []letter
	Lives   []life
	Commits []commit
}

// where is a record of a source topic.
type where struct {
	place
	Offset int64
}

// stored is a record that the brokers have in a source topic.
type stored struct {
	where
	note
}

// letter is a dead letter, with the record that it stands for.
type letter struct {
	of        where
	errorType string
	message   string
}

const letterSuffix = wire.DeadLetterSuffix

// isRead says whether the services read a topic.
func isRead(topic string) bool {
	for _, s := range sources() {
		if topic == s {
			return true
		}
	}
	return false
}

// read takes what the brokers have into the history.
func (h *history) read(brokers []string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx)
	if err != nil {
		return err
	}
	from, left := make(map[string]map[int32]kgo.Offset), make(map[place]int64)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset == 0 || !isRead(end.Topic) && !strings.HasSuffix(end.Topic, letterSuffix) {
			return
		}
		if from[end.Topic] == nil {
			from[end.Topic] = make(map[int32]kgo.Offset)
		}
		from[end.Topic][end.Partition] = kgo.NewOffset().At(0)
		left[place{end.Topic, end.Partition}] = end.Offset
	})
	client.AddConsumePartitions(from)
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("not everything can be read: %v: %w", left, ctx.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			h.take(r)
			if at := (place{r.Topic, r.Partition}); r.Offset+1 >= left[at] {
				delete(left, at)
			}
		})
	}
	return nil
}

// keep writes what is in no journal beside them, for people who look for the cause
// of a fault.
func (h *history) keep(folder string) error {
	for name, what := range map[string]any{"sent": h.Sent, "calls": h.Calls, "stored": h.Stored, "commits": h.Commits} {
		text, err := json.Marshal(what)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name+".json"), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *history) take(r *kgo.Record) {
	if strings.HasSuffix(r.Topic, letterSuffix) {
		h.Letters = append(h.Letters, letterOf(r))
		return
	}
	n, _ := readNote(r.Value) // one that is not ours has no fate
	h.Stored = append(h.Stored, stored{where{place{r.Topic, r.Partition}, r.Offset}, n})
}

func letterOf(r *kgo.Record) letter {
	text := func(name string) string {
		value, _ := wire.Last(r.Headers, name)
		return string(value)
	}
	l := letter{errorType: text(wire.DeadErrorType), message: text(wire.DeadErrorMessage)}
	l.of.Topic = text(wire.DeadTopic)
	if value, _ := wire.Last(r.Headers, wire.DeadPartition); len(value) == 4 {
		l.of.Partition = int32(binary.BigEndian.Uint32(value))
	}
	if value, _ := wire.Last(r.Headers, wire.DeadOffset); len(value) == 8 {
		l.of.Offset = int64(binary.BigEndian.Uint64(value))
	}
	return l
}
