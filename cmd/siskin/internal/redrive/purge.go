package redrive

import (
	"context"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Cut is what a purge removes from one partition: all below End.
type Cut struct {
	Partition  int32
	Begin, End int64
}

// Bounds say how much a purge removes; what is set must all allow it.
type Bounds struct {
	Before   time.Time // letters that were written before, or zero
	Redriven bool      // only what is redriven, and nothing behind a letter that is not
}

// Cuts says what a purge of t would remove: the oldest letters of each partition, as
// Kafka can remove no others.
func (t *Topic) Cuts(ctx context.Context, admin *kadm.Client, b Bounds) ([]Cut, error) {
	var at kadm.ListedOffsets
	if !b.Before.IsZero() {
		var err error
		at, err = admin.ListOffsetsAfterMilli(ctx, b.Before.UnixMilli(), t.Name)
		if err == nil {
			err = at.Error()
		}
		if err != nil {
			return nil, fmt.Errorf("ask what %s had at %v: %w", t.Name, b.Before, security.OnTopic(security.Read, t.Name, err))
		}
	}
	var cuts []Cut
	for _, p := range t.Partitions {
		end := p.End
		if o, ok := at.Lookup(t.Name, p.Number); ok {
			end = min(end, o.Offset)
		}
		if b.Redriven {
			end = min(end, p.Ledger.Next())
		}
		if p.Begin < end {
			cuts = append(cuts, Cut{p.Number, p.Begin, end})
		}
	}
	return cuts, nil
}

// Purge removes what cuts say, and nothing more.
func (t *Topic) Purge(ctx context.Context, admin *kadm.Client, cuts []Cut) error {
	offsets := make(kadm.Offsets)
	for _, c := range cuts {
		offsets.Add(kadm.Offset{Topic: t.Name, Partition: c.Partition, At: c.End})
	}
	removed, err := admin.DeleteRecords(ctx, offsets)
	if err == nil {
		err = removed.Error()
	}
	if err != nil {
		return fmt.Errorf("remove letters of %s: %w", t.Name, security.OnTopic("DELETE", t.Name, err))
	}
	return nil
}
