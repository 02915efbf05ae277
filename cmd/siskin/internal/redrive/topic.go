package redrive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic is what a dead-letter topic holds at one moment. What is written later
// does not belong to it.
type Topic struct {
	Name       string
	ID         kadm.TopicID
	Partitions []*Partition // in order
}

// Partition is one partition of a Topic: its letters have the offsets from Begin up
// to, not including, End.
type Partition struct {
	Number     int32
	Begin, End int64
	Ledger     Ledger
}

// Group keeps which letters of topic were redriven.
func Group(topic string) string { return wire.RedriveGroup + topic }

// Open looks at topics, which must exist. Letters in transactions that are not
// committed are not seen.
func Open(ctx context.Context, admin *kadm.Client, names ...string) ([]*Topic, error) {
	details, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("ask for topics: %w", err)
	}
	begins, err := admin.ListStartOffsets(ctx, names...)
	if err == nil {
		err = begins.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask where the topics begin: %w", err)
	}
	topics := make([]*Topic, 0, len(names))
	for _, name := range names {
		t := &Topic{Name: name, ID: details[name].ID}
		for number, begin := range begins[name] {
			t.Partitions = append(t.Partitions, &Partition{Number: number, Begin: begin.Offset})
		}
		slices.SortFunc(t.Partitions, func(a, b *Partition) int { return int(a.Number - b.Number) })
		if err := t.Recall(ctx, admin); err != nil {
			return nil, err
		}
		topics = append(topics, t)
	}
	return topics, end(ctx, admin, topics, names)
}

// end asks where topics end. It does so last: others may write letters and redrive them
// meanwhile, and an older end would be before what was redriven.
func end(ctx context.Context, admin *kadm.Client, topics []*Topic, names []string) error {
	ends, err := admin.ListCommittedOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("ask where the topics end: %w", err)
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			end, _ := ends.Lookup(t.Name, p.Number)
			p.End = end.Offset
		}
		if err := t.sane(); err != nil {
			return err
		}
	}
	return nil
}

// Recall asks once more what was redriven.
func (t *Topic) Recall(ctx context.Context, admin *kadm.Client) error {
	var kept kadm.OffsetResponses
	err := again(ctx, func() (err error) {
		kept, err = admin.FetchOffsets(ctx, Group(t.Name))
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		if err == nil {
			err = kept.Error()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("ask the group %s what was redriven: %w", Group(t.Name), security.OnGroup(Group(t.Name), err))
	}
	for _, p := range t.Partitions {
		offset, ok := kept.Lookup(t.Name, p.Number)
		if !ok {
			offset.At, offset.Metadata = 0, ""
		}
		p.Ledger, err = ParseLedger(offset.At, offset.Metadata)
		if err != nil {
			return fmt.Errorf("group %s, partition %d: %w", Group(t.Name), p.Number, err)
		}
		p.Ledger.Skip(p.Begin)
	}
	return nil
}

// sane refuses what was redriven of letters that are not there yet.
func (t *Topic) sane() error {
	for _, p := range t.Partitions {
		if p.Ledger.End() > p.End {
			return fmt.Errorf("letters of %s/%d were redriven up to %d, but it ends at %d: was the topic made anew? "+
				"Then delete the group %s", t.Name, p.Number, p.Ledger.End(), p.End, Group(t.Name))
		}
	}
	return nil
}

// pass leaves out the beginning that was redriven.
func (t *Topic) pass() {
	for _, p := range t.Partitions {
		p.Begin = max(p.Begin, p.Ledger.Next())
	}
}

// partition finds one that exists.
func (t *Topic) partition(number int32) *Partition {
	i := slices.IndexFunc(t.Partitions, func(p *Partition) bool { return p.Number == number })
	if i < 0 {
		return nil
	}
	return t.Partitions[i]
}

// Narrow leaves nothing of t but the letter at one offset, and reports whether there
// can be one.
func (t *Topic) Narrow(number int32, offset int64) bool {
	p := t.partition(number)
	if p == nil || offset < p.Begin || offset >= p.End {
		return false
	}
	p.Begin, p.End = offset, offset+1
	t.Partitions = []*Partition{p}
	return true
}

// offsets are starts as the Kafka client wants them.
func offsets(starts map[int32]int64) map[int32]kgo.Offset {
	all := make(map[int32]kgo.Offset, len(starts))
	for number, at := range starts {
		all[number] = kgo.NewOffset().At(at)
	}
	return all
}
