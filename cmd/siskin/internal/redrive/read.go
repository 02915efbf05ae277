package redrive

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/letter"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrGone is a topic that was deleted while it was read.
var ErrGone = errors.New("the topic is gone")

// ReadOptions are what a client needs to read dead letters.
func ReadOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they can be the last of a partition
		kgo.FetchMaxBytes(16 << 20),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // what was purged meanwhile is passed over
	}
}

// most is how many records are looked at in one go, and put back in one transaction.
const most = 500

// errEnough ends reading early.
var errEnough = errors.New("enough")

// read gives the letters of topics to each, up to size in one go and in the order of
// their partitions, and returns when all were given. Those below the starts are left
// out.
func read(ctx context.Context, client *kgo.Client, topics []*Topic, size int, each func([]letter.Letter) error) error {
	left := make(map[*Partition]bool)
	byName := make(map[string]*Topic)
	for _, t := range topics {
		byName[t.Name] = t
		starts := make(map[int32]int64)
		for _, p := range t.Partitions {
			if p.Begin < p.End {
				left[p], starts[p.Number] = true, p.Begin
			}
		}
		if len(starts) > 0 {
			client.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.Name: offsets(starts)})
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go fetch.Wake(ctx, client)
	for len(left) > 0 {
		fetches := client.PollRecords(ctx, size)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fetchError(fetches); err != nil {
			return err
		}
		var letters []letter.Letter
		for r := range fetches.RecordsAll() {
			p := byName[r.Topic].partition(r.Partition)
			if p == nil || !left[p] {
				continue
			}
			if r.Offset >= p.End-1 {
				delete(left, p)
			}
			if r.Offset < p.End && !r.Attrs.IsControl() {
				letters = append(letters, letter.Read(r))
			}
		}
		if err := each(letters); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return nil
}

// fetchError is the first error that reading again cannot mend.
func fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, kerr.UnknownTopicOrPartition) || errors.Is(e.Err, kerr.UnknownTopicID) {
			return fmt.Errorf("read %s: %w", e.Topic, ErrGone)
		}
		if e.Err != nil {
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, security.OnTopic(security.Read, e.Topic, e.Err))
		}
	}
	return nil
}

// List gives the letters of topics that pass the filter to each, and whether they
// were redriven, until each wants no more.
func List(
	ctx context.Context, client *kgo.Client, topics []*Topic, filter Filter, each func(l letter.Letter, redriven bool) (more bool, err error),
) error {
	byName := make(map[string]*Topic)
	for _, t := range topics {
		byName[t.Name] = t
	}
	return read(ctx, client, topics, most, func(letters []letter.Letter) error {
		for _, l := range letters {
			if !filter.Match(l) {
				continue
			}
			p := byName[l.Record.Topic].partition(l.Record.Partition)
			more, err := each(l, p.Ledger.Has(l.Record.Offset))
			if err != nil {
				return err
			}
			if !more {
				return errEnough
			}
		}
		return nil
	})
}
